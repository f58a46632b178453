"""The pipeline's components: one small typed file a stage, no logic.

Each runs its stage and publishes what it left. The bodies run in the image, where Wordbrush is
installed; nothing is installed at run time. The image is named here alone; `pipeline.py --image`
puts another in its place, best pinned by digest. An input is the lock of the stage that it is
named after; compiling fails where dvc.yaml says otherwise.
"""

from functools import partial
from importlib import import_module

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from wordbrush.kubeflow.notices import NOTIFY
from wordbrush.stages.table import GATE, STAGES

IMAGE = "wordbrush-python:0.1.0"

component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)


def all_components() -> dict[str, BaseComponent]:
    """The components of the table's stages, of the gate and of the exit task, by name."""
    identifiers = {stage.name: stage.identifier for stage in STAGES}
    identifiers |= {GATE: GATE, NOTIFY: NOTIFY}
    return {
        name: getattr(import_module(f"components.{identifier}"), identifier)
        for name, identifier in identifiers.items()
    }
