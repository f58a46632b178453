"""dvc.yaml's graphs, and whole runs on a collection by both runners."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from components import all_components
from tests.conftest import ROOT
from tests.kfp_server import Compiled
from tests.recorded import miniature
from tests.workspace import Workspace, environment
from wordbrush import presets
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.dag import write_pipeline
from wordbrush.kubeflow.compiler.plan import make_plan, usable_presets
from wordbrush.params import GRAPHS, MININGS
from wordbrush.stages import table
from wordbrush.stages.preflight import check_all
from wordbrush.versioning.graph import arrange, arranged, arrangement, require_arranged
from wordbrush.versioning.places import outputs

DVC = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
STAGES = {
    graph: [stage.name for stage in table.STAGES if graph in stage.graphs] for graph in GRAPHS
}
RUNS = {
    graph: [one for stage in table.STAGES if graph in stage.graphs for one in stage.addresses]
    for graph in GRAPHS
}


def stages(text: str) -> dict:
    return YAML(typ="safe").load(text)["stages"]


def test_each_graph_leads_to_every_other_and_back():
    forms = {graph: arranged(DVC, graph) for graph in GRAPHS}
    assert forms["drawn"] == DVC and len(set(forms.values())) == len(GRAPHS)
    for graph, form in forms.items():
        assert arrangement(form) == graph
        assert {other: arranged(form, other) for other in GRAPHS} == forms


@pytest.mark.parametrize("graph", ["recorded", "redrawn"])
def test_a_collection_needs_what_its_own_graph_makes(graph):
    drawn, found = stages(DVC), stages(arranged(DVC, graph))
    assert list(found) == STAGES[graph]
    made = set(outputs({"stages": found})) | {"metrics", "plots"}
    for name, stage in found.items():
        data = [dep for dep in stage["deps"] if dep.startswith("data/")]
        read = [dep.replace("${item.mining}", mining) for dep in data for mining in MININGS]
        assert [dep for dep in read if dep not in made] == []
        if name in drawn:  # it differs in nothing else
            code = [dep for dep in drawn[name]["deps"] if dep.startswith("src/")]
            assert [dep for dep in stage["deps"] if dep.startswith("src/")] == code
            params = [one for one in stage["params"] if not one.startswith("pairs")]
            assert {**stage, "deps": None, "params": params} == {**drawn[name], "deps": None}


def test_concepts_are_found_in_the_last_encoders_of_a_graph():
    for graph, stage in (("recorded", "pretrain"), ("redrawn", "random-edits")):
        deps = stages(arranged(DVC, graph))["cluster-units"]["deps"]
        encoders = [dep for dep in deps if dep.startswith("data/encoders/")]
        assert encoders == [f"data/encoders/{stage}/${{item.mining}}"]


def test_stages_wait_until_the_graph_is_arranged(tmp_path):
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    require_arranged(tmp_path, {"collection": None})
    with pytest.raises(WordbrushError, match=r"names a collection.* `wordbrush graph`"):
        require_arranged(tmp_path, {"collection": "data/recorded"})


def test_a_finished_run_is_not_up_to_date_once_a_collection_is_named():
    """DVC compares what stages name: were it no stage's parameter, nothing would start and warn."""
    assert "collection" in stages(DVC)["render-scenes"]["params"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "dvc.yaml is empty"),
        ("stages: [", "dvc.yaml:2 is not valid YAML"),
        ("stages:\n", "dvc.yaml: stages"),
        ("vars: []\n", "dvc.yaml: stages"),
        ("stages: {a: 3}\n", "dvc.yaml: stages.*a"),
    ],
)
def test_a_broken_dvc_yaml_is_said_in_a_line(text, words, tmp_path):
    (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(WordbrushError, match=words) as refused:
        arrange(tmp_path, {"collection": "data/recorded"})
    assert "\n" not in str(refused.value)
    assert (tmp_path / "dvc.yaml").read_text() == text


def test_stages_of_ones_own_stay_unless_their_meta_names_a_graph():
    own = """\
  count-words:
    cmd: wc -w data/speech
    meta: note
    deps:
      - data/speech
  look:
    cmd: ls data/generator
    meta: {graph: drawn, owner: us}
    deps:
      - data/generator
"""
    recorded = arranged(DVC + own, "recorded")
    assert list(stages(recorded)) == [*STAGES["recorded"], "count-words"]
    assert arranged(recorded, "drawn") == DVC + own


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Workspace:
    """The project with a collection at the place that the preset `recorded` names."""
    folder = tmp_path_factory.mktemp("recorded")
    made = miniature.collection(folder)
    workspace = Workspace.create(folder / "project", ROOT)
    for name in ("components", "k8s"):
        shutil.copytree(ROOT / name, workspace.root / name)
    shutil.copy(ROOT / "pipeline.py", workspace.root)
    (workspace.root / "data").mkdir()
    made.rename(workspace.root / "data/recorded")
    presets.change(workspace.root / "params.yaml", {"collection": "data/recorded"})
    return workspace


def test_pipelines_are_compiled_for_a_collection_that_is_there(project, tmp_path):
    pools = ROOT / "k8s/pools.yaml"
    assert {"recorded", "redrawn", "stamps"} <= set(usable_presets(project.root))
    for name in ("params.yaml", "presets"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    assert usable_presets(tmp_path) == [
        "full",
        "languages",
        "paper",
        "senses",
        "small",
        "sounds",
        "tiny",
        "vq",
    ]  # no collection is there
    plan = make_plan(project.root, "tiny", "unused:1", pools)
    assert set(plan.edges) == set(RUNS["recorded"]) and plan.graph == "recorded"
    assert plan.edges["import-collection"] == []
    assert plan.edges["pretrain-davenet@hard"] == ["import-collection"]
    assert plan.edges["cluster-units@hard"] == ["import-collection", "pretrain-davenet@hard"]
    about = project.root / "data/recorded/collection.json"
    text = about.read_text()
    about.write_text(text.replace('"hours"', '"hours" '))
    other = make_plan(project.root, "tiny", "unused:1", pools)
    about.write_text(text)
    assert all(other.keys[one] != key for one, key in plan.keys.items())
    with pytest.raises(WordbrushError, match="holds no collection"):
        make_plan(tmp_path, "recorded", "unused:1", pools)


def test_a_collection_that_is_redrawn_is_compiled_with_its_own_edges(project, tmp_path):
    text = (project.root / "params.yaml").read_text()
    presets.change(project.root / "params.yaml", {"redraw": True})
    try:
        plan = make_plan(project.root, "tiny", "unused:1", ROOT / "k8s/pools.yaml")
    finally:
        (project.root / "params.yaml").write_text(text)
    assert set(plan.edges) == set(RUNS["redrawn"]) and plan.graph == "redrawn"
    assert plan.edges["train-gan"] == ["import-collection"]
    assert "find-latents" in plan.edges["random-edits@hard"]
    write_pipeline(plan, all_components(plan.graph), tmp_path / "pipeline.yaml")
    compiled = Compiled.read(tmp_path / "pipeline.yaml")
    assert set(compiled.tasks) == set(RUNS["redrawn"])


@pytest.mark.parametrize(
    ("graph", "stage"), [("drawn", "speak-edits"), ("recorded", "import-collection")]
)
def test_make_runs_the_stage_that_makes_the_pairs(graph, stage, tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "dvc.yaml").write_text(arranged(DVC, graph))
    done = subprocess.run(
        ["make", "--dry-run", "stages"], cwd=tmp_path, text=True, capture_output=True, check=True
    )
    assert f"dvc repro {stage}\n" in done.stdout


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("make") or "make", *arguments],
        cwd=folder,
        text=True,
        capture_output=True,
        env=environment(**variables),
    )


def test_make_imports_the_stamps_that_are_there_and_trains(tmp_path):
    for name in ("Makefile", "dvc.yaml", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "stamps").mkdir()
    assert make(tmp_path, "stamps", "STAMPS=stamps").returncode == 0
    planned = make(tmp_path, "--dry-run", "recorded", "STAMPS=stamps", "LANGUAGES=fr").stdout
    wanted = [
        'wordbrush data "stamps" data/recorded --reader tuxpaint --languages "fr"',
        "wordbrush preset stamps",
        "dvc repro",
        "wordbrush show",
    ]
    places = [planned.index(command) for command in wanted]
    assert places == sorted(places)


def test_make_says_where_stamps_come_from(tmp_path):
    """Without a folder of them, and without Debian's tools."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "mkdir", "nproc", "sed", "grep", "tr"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    done = make(tmp_path, "stamps", "STAMPS=nowhere", "SHELL=/bin/bash", PATH=str(tools))
    assert done.returncode != 0
    assert "install Debian's tuxpaint-stamps-default, or name the folder" in done.stdout


def test_stages_of_a_mining_are_those_of_the_graph(project):
    found = project.run("wordbrush", "stages", "--mining", "hard").stdout
    assert found == "pretrain-davenet@hard\ncluster-units@hard\n"


def test_check_says_that_the_graph_is_the_other(project, monkeypatch):
    monkeypatch.chdir(project.root)
    with pytest.raises(WordbrushError, match=r"^params.yaml names a collection, and dvc.yaml has"):
        list(check_all(Path("params.yaml"), Path("presets")))


@pytest.mark.runs
def test_both_runners_learn_from_a_collection_and_give_the_same_hashes(project):
    presets.change(project.root / "params.yaml", {"redraw": False})
    assert project.run("wordbrush", "graph").stdout == "dvc.yaml: recorded\n"
    project.run("dvc", "repro")
    first = (project.root / "dvc.lock").read_text()
    command = [sys.executable, "pipeline.py", "run"]
    variables = environment(PYTHONPATH=os.pathsep.join([str(project.root), str(ROOT / "src")]),
                            WORDBRUSH_CACHE=str(project.root / "other"))  # fmt: skip
    done = subprocess.run(command, cwd=project.root, text=True, capture_output=True, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    compiled = Compiled.read(project.root / ".wordbrush/kfp/pipeline.yaml")
    run = set(RUNS["recorded"])
    assert set(compiled.tasks) == run
    ours, theirs = stages(first), stages((project.root / ".wordbrush/kfp/dvc.lock").read_text())
    assert set(theirs) == run <= set(ours)
    for address in run:
        assert ours[address]["outs"] == theirs[address]["outs"], address


@pytest.mark.runs
def test_a_redrawn_collection_is_learned_from_its_edits_as_well(project):
    presets.change(project.root / "params.yaml", {"redraw": True})
    assert project.run("wordbrush", "graph").stdout == "dvc.yaml: redrawn\n"
    project.run("dvc", "repro")
    assert set(RUNS["redrawn"]) <= set(stages((project.root / "dvc.lock").read_text()))
