"""The pipeline's components: one small typed file a stage, no logic.

Each runs its stage and publishes what it left. The bodies run in the image, where Wordbrush is
installed; nothing is installed at run time. The image is named here alone; `pipeline.py --image`
puts another in its place, best pinned by digest. An input is the lock of the stage that it is
named after; compiling fails where dvc.yaml says otherwise. No body reads `mark`: it is there for
KFP's cache, which compares a task's parameters.
"""

from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from wordbrush.kubeflow.tasks.notices import NOTIFY
from wordbrush.params import Graph
from wordbrush.stages.table import COMPARE, GATE, STAGES

IMAGE = "wordbrush-python:0.1.0"

component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)


# Where the components of a graph lie; the first folder that has a stage's counts. Some stages read
# other inputs of a collection, and again others of one that is redrawn.
FOLDERS: dict[Graph, tuple[str, ...]] = {
    "drawn": ("",),
    "recorded": ("recorded", ""),
    "redrawn": ("redrawn", "recorded", ""),
}


def all_components(graph: Graph = "drawn") -> dict[str, BaseComponent]:
    """The components of the table's stages, and of the tasks around them, by name.

    graph: of dvc.yaml, by which the inputs of some stages differ.
    """
    identifiers = {stage.name: stage.identifier for stage in STAGES}
    identifiers |= {name: name for name in (COMPARE, GATE, NOTIFY)}
    return {name: getattr(module_of(one, graph), one) for name, one in identifiers.items()}


def module_of(identifier: str, graph: Graph) -> ModuleType:
    """The module of a component."""
    root = Path(__file__).parent
    folder = next(one for one in FOLDERS[graph] if (root / one / f"{identifier}.py").is_file())
    return import_module(".".join(filter(None, (__name__, folder, identifier))))
