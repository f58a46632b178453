"""Which code decides a stage's outputs: the modules that it imports, directly or not.

docs/architecture.md explains it. dvc.yaml names them as dependencies, and the keys of checkpoints
and KFP tasks are made of what dvc.yaml names. `python -m wordbrush.versioning.closure` writes them
there; a test compares.
"""

import ast
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from ruamel.yaml import YAML

from wordbrush.storage.files import whole_file
from wordbrush.versioning.graph import arranged, arrangement, definition

PACKAGE = "wordbrush"
CODE = f"src/{PACKAGE}"
# What stages import but no result depends on, with the reason. A folder stands for all its modules.
WITHOUT_EFFECT = {
    "errors.py": "what people read when something is wrong",
    "params.py": "checks values and computes none; dvc.yaml names the values themselves",
    "process.py": "the rank and the number of cores; results are equal for any number of either",
    "storage": "moves bytes and checks them; what is written is decided by its callers",
    "telemetry": "tells how a run goes",
    "training/checkpoints.py": "a resumed run equals one that was not stopped, which tests compare",
    "training/launch.py": "starts and ends the processes of a training",
    "training/memory.py": "refuses what does not fit into memory",
    "training/signals.py": "ends a run, or lets it finish its step",
    "versioning": "decides what runs, not what comes out",
}


def stage_module(stage: str) -> str:
    """The module of a stage, as a path below the package: train-gan -> stages/train_gan.py."""
    return f"stages/{stage.replace('-', '_')}.py"


def dependencies(stage: str, package: Path) -> list[str]:
    """The code that decides the outputs of `stage`, as sorted paths below `package`.

    A folder stands for its modules where the stage imports all of them.
    """
    needed = closure(stage_module(stage), package)
    named = set(needed)
    for folder in {path.partition("/")[0] for path in needed if "/" in path}:
        content = content_of(package / folder)
        needed |= {f"{folder}/{name}" for name in content if not name.endswith(".py")}  # templates
        whole = {f"{folder}/{name}" for name in content}
        named = named - whole | {folder} if whole <= needed else named | (whole & needed)
    return sorted(named)


def content_of(folder: Path) -> list[str]:
    """The files in a folder that hold code or templates."""
    return [
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.suffix != ".pyc" and path.name != "__init__.py"
    ]


def without_effect(path: str) -> bool:
    """Whether WITHOUT_EFFECT names a module, or the folder that it lies in."""
    return path in WITHOUT_EFFECT or path.partition("/")[0] in WITHOUT_EFFECT


def closure(module: str, package: Path) -> set[str]:
    """A module and all that it imports of the package, directly or not, as paths below `package`.

    Modules without effect are left out, and what they import is not followed.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        one = waiting.pop()
        if one not in found and not without_effect(one):
            found.add(one)
            waiting += imported(package / one, package)
    return found


def imported(file: Path, package: Path) -> Iterator[str]:
    """The package's modules that one file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from existing((alias.name for alias in node.names), package)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from existing((node.module, *names), package)


def existing(names: Iterable[str], package: Path) -> Iterator[str]:
    """Those of these dotted names that are modules of the package with code of their own."""
    for name in names:
        root, _, rest = name.partition(".")
        path = f"{rest.replace('.', '/')}.py"
        if root == PACKAGE and rest and (package / path).is_file():
            yield path


def write_dependencies(project: Path) -> None:
    """Name each stage's code in dvc.yaml, before the data that it reads; its graph stays."""
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    target = project / "dvc.yaml"
    text = target.read_text(encoding="utf-8")
    graph = arrangement(text)
    document = yaml.load(definition(text))
    for name, stage in document["stages"].items():
        deps = stage["deps"]  # changed in place, which keeps the comments of the data's lines
        for number in reversed(range(len(deps))):
            if deps[number].startswith(CODE):
                del deps[number]
        for number, path in enumerate(dependencies(name, project / CODE)):
            deps.insert(number, f"{CODE}/{path}")
    written = io.StringIO()
    yaml.dump(document, written)
    with whole_file(target) as scratch:
        scratch.write_text(arranged(written.getvalue(), graph), encoding="utf-8")


if __name__ == "__main__":
    write_dependencies(Path("."))
