"""dvc.yaml and the keys of stages name all code that an output depends on."""

import re
import shutil

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.workspace import Workspace
from wordbrush.versioning.closure import (
    CODE,
    WITHOUT_EFFECT,
    closure,
    dependencies,
    imported,
    stage_module,
    write_dependencies,
)
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.graph import definition
from wordbrush.versioning.keys import edges, stage_keys
from wordbrush.versioning.workspace import scratch_workspace

PACKAGE = ROOT / CODE
DVC = YAML(typ="safe").load(definition((ROOT / "dvc.yaml").read_text(encoding="utf-8")))
STAGES = list(DVC["stages"])  # of both graphs
DAVENET = {"pretrain-davenet", "random-edits", "cluster-units", "targeted-edits"}
MEASURED = {"evaluate", "report"}
SPEAKING = {"synthesize-captions", "speak-edits"}
SENSES = {"train-senses"}
# Code that decides outputs and once was missing from the dependencies, and the stages that read
# it directly.
CHANGES = {
    "segmenter/parsing.py": {
        "train-segmenter",
        "sample-images",
        *SPEAKING,
        "evaluate",
    },
    "data/speech.py": DAVENET | SPEAKING | SENSES | {"evaluate"},
    "data/splits.py": DAVENET | SPEAKING | SENSES | {"train-gan", "sample-images", "evaluate"},
    "training/norms.py": DAVENET
    | SPEAKING
    | SENSES
    | {"train-gan", "train-segmenter", "sample-images", "evaluate"},
    "captions/grammar.py": SPEAKING | MEASURED,
    "telemetry/metrics.py": set(),
}


def named_code(stage: str) -> list[str]:
    deps = DVC["stages"][stage]["deps"]
    return [dep.removeprefix(f"{CODE}/") for dep in deps if dep.startswith(CODE)]


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_names_the_code_that_decides_a_stage(stage):
    """After a change of imports: python -m wordbrush.versioning.closure"""
    assert named_code(stage) == dependencies(stage, PACKAGE)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_every_module_that_it_loads(stage):
    """Each module of its closure is named, itself or by its folder."""
    named = set(named_code(stage))
    for module in closure(stage_module(stage), PACKAGE):
        assert module in named or module.partition("/")[0] in named


def test_what_is_left_out_exists_and_is_imported():
    reached = set()
    for module in (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")):
        reached |= set(imported(PACKAGE / module, PACKAGE))
    for path, reason in WITHOUT_EFFECT.items():
        assert (PACKAGE / path).exists() and len(reason.split()) > 3, path
        assert any(module == path or module.startswith(f"{path}/") for module in reached), path


def test_modules_are_imported_by_name_alone():
    """`importlib` hides a dependency; only what runs stages may choose a module by it."""
    for path in PACKAGE.rglob("*.py"):
        hidden = re.search(r"importlib\.import_module|__import__", path.read_text())
        assert not hidden or path == PACKAGE / "stages/running.py", path


def test_every_way_to_import_is_followed(tmp_path):
    package = tmp_path / "wordbrush"
    for name in ("a", "b", "inner/c", "inner/d", "inner/__init__", "other"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text("")
    (package / "a.py").write_text(
        "import wordbrush.b\ndef lazy():\n    from wordbrush.inner import c\n"
    )
    (package / "inner/c.py").write_text("from wordbrush.inner.d import something\nimport os\n")
    assert closure("a.py", package) == {"a.py", "b.py", "inner/c.py", "inner/d.py"}


def test_written_dependencies_stay_as_they_are(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    write_dependencies(tmp_path)
    assert (tmp_path / "dvc.yaml").read_text() == (ROOT / "dvc.yaml").read_text()


def test_keys_of_tasks_follow_the_code_that_decides(tmp_path):
    """The key of a KFP task changes for stages that read a module, and all after them."""
    project = Workspace.create(tmp_path / "project", ROOT)
    params = (project.root / "params.yaml").read_text()

    def look() -> tuple[dict[str, str], dict[str, list[str]]]:
        with scratch_workspace(project.root, params, RemoteConfig("unused")) as repo:
            return stage_keys(repo), edges(repo)

    before, graph = look()
    for module, readers in CHANGES.items():
        code = project.root / CODE / module
        text = code.read_text()
        code.write_text(f"{text}\n# another line\n")
        after, _ = look()
        code.write_text(text)
        changed = {address for address in before if before[address] != after[address]}
        assert changed == with_successors(readers, graph), module


def with_successors(stages: set[str], graph: dict[str, list[str]]) -> set[str]:
    """The addresses of these stages, and of all stages that read from them."""
    found = {address for address in graph if address.partition("@")[0] in stages}
    while more := {address for address in graph if set(graph[address]) & found} - found:
        found |= more
    return found


@pytest.mark.runs
def test_other_crops_train_anew(finished, tmp_path):
    """A constant that makes short crops more likely affects what DAVEnet is trained on. The first
    training runs again; of the stages behind it, DVC says that they would."""
    workspace = Workspace(tmp_path / "workspace")
    shutil.copytree(finished.root, workspace.root, symlinks=True)
    code = workspace.root / CODE / "data/speech.py"
    text = code.read_text()
    assert text.count("** 2") == 1
    code.write_text(text.replace("** 2", "** 3"))
    paths = {"PYTHONPATH": str(workspace.root / "src")}
    running, first = re.compile(r"Running stage '([\w@-]+)'"), "pretrain-davenet@hard"
    ran = running.findall(workspace.run("dvc", "repro", first, **paths).stdout)
    assert ran == ["synthesize-captions", "speak-edits", first]
    before, after = finished.hashes(), workspace.hashes()
    changed = {path for path in before if before[path] != after[path]}
    assert "data/encoders/pretrain/hard" in changed
    assert not changed & {"data/features", "data/speech", "data/samples", "data/scenes"}
    would_run = running.findall(workspace.run("dvc", "repro", "--dry", **paths).stdout)
    assert {address.partition("@")[0] for address in would_run} == DAVENET | MEASURED | SENSES
