"""The pipeline's components: one small typed file a stage, no logic.

Each runs its stage and publishes what it left. The bodies run in the image, where Wordbrush is
installed; nothing is installed at run time. The image is named here alone; `pipeline.py --image`
puts another in its place, best pinned by digest. An input is the lock of the stage that it is
named after; compiling fails where dvc.yaml says otherwise. No body reads `mark`: it is there for
KFP's cache, which compares a task's parameters.
"""

from functools import partial
from importlib import import_module

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from wordbrush.kubeflow.tasks.notices import NOTIFY
from wordbrush.stages.table import COMPARE, GATE, STAGES
from wordbrush.versioning.graph import Graph

IMAGE = "wordbrush-python:0.1.0"

component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)


RECORDED = ("pretrain-davenet", "evaluate", "report")  # which read other inputs of a collection


def all_components(graph: Graph = "drawn") -> dict[str, BaseComponent]:
    """The components of the table's stages, and of the tasks around them, by name.

    graph: of dvc.yaml, by which the inputs of some stages differ.
    """
    identifiers = {stage.name: stage.identifier for stage in STAGES}
    identifiers |= {name: name for name in (COMPARE, GATE, NOTIFY)}
    modules = {name: f"components.{identifier}" for name, identifier in identifiers.items()}
    if graph == "recorded":
        modules |= {name: f"components.recorded.{identifiers[name]}" for name in RECORDED}
    return {name: getattr(import_module(modules[name]), identifiers[name]) for name in identifiers}
