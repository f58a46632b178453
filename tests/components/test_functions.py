"""Components called as plain functions, on the files of a real run.

The stages have run before, so each function fetches the outputs of its stage and publishes them.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from PIL import Image
from ruamel.yaml import YAML

from components import all_components
from tests.conftest import ROOT
from tests.workspace import Workspace
from wordbrush.audio.sound import decode
from wordbrush.kubeflow.compiler.dag import lock_inputs
from wordbrush.kubeflow.compiler.plan import Plan, make_plan
from wordbrush.kubeflow.tasks.provenance import VARIABLE, Provenance
from wordbrush.report.sections import LIMIT
from wordbrush.stages.table import CHANGED, COMPARE, STAGES, UNCHANGED
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.records import record_lock
from wordbrush.versioning.workspace import scratch_workspace

COMPONENTS = all_components()
SHOWN = {
    "edits": "<figcaption>before</figcaption>",
    "sounds": "<audio controls",
    "charts": "data:image/svg+xml",
    "pictures": "data:image/",
    "report": "Words learned by drawing",
    "words": " of 3)",  # a word is in so many of a concept's three sounds
}
SHOWS = {  # what the pages of some stages must show
    "train-gan": ("pictures", "charts"),
    "synthesize-captions": ("pictures", "sounds"),
    "random-edits": ("edits", "sounds", "charts"),
    "cluster-units": ("pictures", "sounds", "words"),
    "targeted-edits": ("edits", "sounds", "charts"),
    "report": ("report", "sounds", "pictures"),
}
ADDRESSES = [
    stage.addresses[-1] for stage in STAGES if "drawn" in stage.graphs
]  # of each stage one, whatever its mining
KINDS = {
    kind.schema_title: kind
    for kind in (
        dsl.Artifact,
        dsl.Dataset,
        dsl.Model,
        dsl.Metrics,
        dsl.ClassificationMetrics,
        dsl.HTML,
    )
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(ROOT, "tiny", "unused:1", ROOT / "k8s/pools.yaml")


@pytest.fixture(scope="module")
def remote(finished, tmp_path_factory) -> Path:
    """A remote with all artifacts of a finished run, and DVC's state of it."""
    folder = tmp_path_factory.mktemp("remote")
    workspace = Workspace(folder / "workspace")
    shutil.copytree(finished.root, workspace.root)
    workspace.run("dvc", "remote", "add", "-d", "shared", str(folder / "remote"))
    workspace.run("dvc", "push", "--run-cache")
    return folder / "remote"


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(remote, cache, finished, monkeypatch):
    monkeypatch.setenv("WORDBRUSH_SOURCE", str(finished.root))
    monkeypatch.setenv("WORDBRUSH_REMOTE", str(remote))
    monkeypatch.setenv("WORDBRUSH_CACHE", str(cache))


def artifacts(stage: str, folder: Path) -> dict[str, Any]:
    """An empty artifact for every output of a component, as kfp's executor makes them."""
    outputs = COMPONENTS[stage].component_spec.outputs
    return {
        name: KINDS[spec.type.partition("@")[0]](name=name, uri=str(folder / name))
        for name, spec in outputs.items()
    }


def require_usable(folder: Path, output: Path) -> None:
    """A download has what a person opens: the weights themselves, pictures and sounds."""
    weights = [path.name for path in output.glob("*.safetensors")]
    for name in weights:
        assert (folder / name).read_bytes() == (output / name).read_bytes()
    if (output / "images.npy").is_file():
        Image.open(next((folder / "pictures").glob("*.png"))).verify()
    if list(output.glob("*.parquet")) and output.name == "speech":
        sounds = list((folder / "sounds").glob("*.flac"))
        assert len((folder / "captions.csv").read_text().splitlines()) == len(sounds) + 1
        assert decode(sounds[0].read_bytes(), "it").size > 0


def entries(lock: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(lock.read_text())["stages"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_publishes_what_its_stage_left(
    address, plan, finished, environment, tmp_path, monkeypatch
):
    stage, _, mining = address.partition("@")
    order = Provenance("tiny", "registry/image:1", "0123abc", "gpu, spot", 0.34)
    monkeypatch.setenv(VARIABLE, order.as_text())
    made = artifacts(stage, tmp_path)
    # the lock of the whole run is good for every earlier stage
    lock = dsl.Artifact(name="lock", uri=str(finished.root / "dvc.lock"))
    locks = dict.fromkeys(lock_inputs(address, plan.edges[address], COMPONENTS), lock)
    COMPONENTS[stage].python_func(
        params=(finished.root / "params.yaml").read_text(),
        key=plan.keys[address],
        mark=plan.mark(address),
        **({"mining": mining} if mining else {}),
        **locks,
        **made,
    )
    wanted = entries(finished.root / "dvc.lock")[address]
    assert entries(Path(made["lock"].path))[address] == wanted
    page = Path(made["page"].path).read_text()
    assert page.startswith("<!doctype html>") and address in page
    assert len(page.encode()) <= LIMIT
    assert [one for one in SHOWS.get(stage, ()) if SHOWN[one] not in page] == []
    assert "preset</th><td>tiny" in page and "0123abc" in page and "registry/image:1" in page
    assert "an earlier run had made the outputs" in page and "$ an hour" in page
    hashes = {out["path"]: out["md5"] for out in wanted["outs"]}
    pointers = [one for one in made.values() if "md5" in one.metadata]
    assert pointers
    for one in pointers:
        folder = Path(one.path)
        pointer = json.loads((folder / "pointer.json").read_text())
        assert pointer == one.metadata and hashes[pointer["path"]] == pointer["md5"]
        assert Path(pointer["uri"]).is_file() and pointer["uri"] in page
        card = (folder / "README.md").read_text()
        assert card.startswith(f"# {pointer['path']}\n") and pointer["md5"] in card
        require_usable(folder, finished.root / pointer["path"])
    if "scalars" in made:
        numbers = json.loads(Path(made["scalars"].path).read_text())
        assert numbers and numbers.items() <= made["scalars"].metadata.items()


@pytest.mark.parametrize("known", [True, False])
def test_compare_knows_a_finished_run(
    plan, finished, remote, environment, monkeypatch, tmp_path, known
):
    """Its answer, its page, and the lock that the gate takes where no stage starts."""
    own, params = tmp_path / "remote", (finished.root / "params.yaml").read_text()
    shutil.copytree(remote, own)
    shutil.rmtree(own / "wordbrush", ignore_errors=True)  # which other tests may have written
    lock = (finished.root / "dvc.lock").read_bytes()
    if known:
        with scratch_workspace(finished.root, params, RemoteConfig(str(own))) as repo:
            record_lock(repo, plan.run_key, lock)
    monkeypatch.setenv("WORDBRUSH_REMOTE", str(own))
    made = {
        "lock": dsl.Artifact(name="lock", uri=str(tmp_path / "lock")),
        "page": dsl.HTML(name="page", uri=str(tmp_path / "page")),
    }
    answer = COMPONENTS[COMPARE].python_func(params=params, key=plan.run_key, **made)
    assert answer == (UNCHANGED if known else CHANGED)
    assert Path(made["lock"].path).read_bytes() == (lock if known else b"")
    page = Path(made["page"].path).read_text()
    assert ("Nothing to do" if known else "Stages run") in page


def test_other_code_is_refused(plan, environment, finished, tmp_path):
    made = artifacts("render-scenes", tmp_path)
    with pytest.raises(Exception, match="not those that the pipeline was compiled from"):
        COMPONENTS["render-scenes"].python_func(
            params=(finished.root / "params.yaml").read_text(), key="0" * 64, mark="", **made
        )
    assert not any(tmp_path.iterdir())
