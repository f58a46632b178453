"""The gate on a finished `tiny` run: the first model passes, the same one changes nothing, a better champion stays."""

import re
import shutil
from pathlib import Path

import pytest

from tests.workspace import Workspace
from wordbrush.evaluation.results import Results
from wordbrush.registry.gate import decide, verdict
from wordbrush.registry.store import open_registry
from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import read_json
from wordbrush.runtime.versioning import Storage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory) -> tuple[Workspace, Storage]:
    """A finished run with its artifacts in a remote."""
    folder = tmp_path_factory.mktemp("gate")
    workspace = Workspace(folder / "workspace")
    shutil.copytree(finished.root, workspace.root)
    workspace.run("dvc", "remote", "add", "-d", "shared", str(folder / "remote"))
    workspace.run("dvc", "push")
    return workspace, Storage(str(folder / "remote"))


def judge(run: tuple[Workspace, Storage], place: Path, margin: float = 1.0):
    workspace, storage = run
    params = re.sub(r"(?s)(promotion:.*margin: )[\d.]+", rf"\g<1>{margin}", (workspace.root / "params.yaml").read_text())
    return decide(params, workspace.root / "dvc.lock", str(place), ROOT, storage)


def test_the_first_model_is_promoted_and_the_same_one_changes_nothing(run, tmp_path):
    first = judge(run, tmp_path / "registry")
    assert first.promoted and "no champion yet" in first.reason
    version = tmp_path / "registry/versions" / first.version
    assert sorted(path.name for path in version.iterdir()) == ["card.md", "dvc.lock", "encoders.json", "encoders.safetensors",
                                                               "files.json", "metrics.json"]
    assert first.method in (version / "card.md").read_text()
    second = judge(run, tmp_path / "registry")
    assert not second.promoted and "inputs did not change" in second.reason


def another_champion(run, place: Path) -> str:
    """The encoders of another method as champion."""
    workspace, _ = run
    best = judge(run, place / "scratch").method
    other = "pretrain/random" if best != "davenet" else "targeted-edits/random"
    open_registry(str(place / "registry")).promote("other", workspace.layout.root / "data/encoders" / other, None)
    return best


@pytest.mark.parametrize("margin", [0.0, 100.0])
def test_both_are_heard_on_the_new_tests_and_the_margin_decides(run, tmp_path, margin):
    best = another_champion(run, tmp_path)
    decision = judge(run, tmp_path / "registry", margin)
    gain = decision.new["score"] - decision.champion["score"]
    assert decision.promoted == (gain >= margin)
    assert decision.new["recall_10"] == read_json(run[0].layout.metrics("evaluation"), Results)[best]["recall"]["10"]
    assert open_registry(str(tmp_path / "registry")).champion() == (decision.version if decision.promoted else "other")
    assert f"{gain:+.1f}" in decision.reason


def test_a_champion_of_other_features_stays(tmp_path):
    better, reason = verdict({"score": 90.0}, None, "0123456789abcdef", 1.0)
    assert not better and "cannot be compared" in reason


def test_without_a_registry_it_says_so(run, monkeypatch):
    monkeypatch.delenv("WORDBRUSH_REGISTRY", raising=False)
    with pytest.raises(WordbrushError, match="WORDBRUSH_REGISTRY is not set"):
        decide("", run[0].root / "dvc.lock", None, ROOT, run[1])
