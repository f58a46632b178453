"""The gate on a finished `tiny` run.

The first model is promoted, the same one changes nothing, a better champion stays.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.monitoring.servers import get, pushgateway
from tests.workspace import Workspace
from wordbrush import params as parameters
from wordbrush.davenet.config import EncoderConfig
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.results import Results
from wordbrush.registry.gate import (
    Decision,
    decide,
    rejections,
    scores,
    scores_if_it_fits,
    verdict,
)
from wordbrush.registry.store import open_registry
from wordbrush.storage.configs import read_config, write_config
from wordbrush.storage.files import read_json
from wordbrush.versioning.environment import RemoteConfig

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(finished, pushed) -> tuple[Workspace, RemoteConfig]:
    """A finished run, and the remote with its artifacts."""
    return finished, pushed


def judge(run: tuple[Workspace, RemoteConfig], location: Path, margin: float = 1.0):
    workspace, storage = run
    params = re.sub(
        r"(?s)(promotion:.*margin: )[\d.]+",
        rf"\g<1>{margin}",
        (workspace.root / "params.yaml").read_text(),
    )
    return decide(params, workspace.root / "dvc.lock", str(location), ROOT, storage)


def test_the_first_model_is_promoted_and_the_same_one_changes_nothing(run, tmp_path):
    first = judge(run, tmp_path / "registry")
    assert first.promoted and "no champion yet" in first.reason
    version = tmp_path / "registry/versions" / first.version
    assert sorted(path.name for path in version.iterdir()) == [
        "card.md",
        "dvc.lock",
        "encoders.json",
        "encoders.safetensors",
        "files.json",
        "metrics.json",
    ]
    assert first.method in (version / "card.md").read_text()
    second = judge(run, tmp_path / "registry")
    assert (
        second.verdict == "unchanged"
        and not second.promoted
        and "inputs did not change" in second.reason
    )


def test_the_best_method_is_chosen_on_validation(finished, tmp_path):
    """One method is the best by recall on the tests, another by recall on validation."""
    workspace = Workspace(tmp_path / "run")
    shutil.copytree(finished.root, workspace.root)
    path = workspace.layout.metrics("evaluation")
    results = json.loads(path.read_text())
    for name, one in results.items():
        one["recall"]["10"] = 100.0 if name == "hard_negatives" else 1.0
        one["validation"]["recall"]["10"] = 100.0 if name == "random_edits" else 1.0
    path.write_text(json.dumps(results, indent=1))
    workspace.run("dvc", "commit", "--force", "evaluate")
    workspace.run("dvc", "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    workspace.run("dvc", "push")
    decision = judge((workspace, RemoteConfig(str(tmp_path / "remote"))), tmp_path / "registry")
    assert decision.promoted and decision.method == "random_edits"


def another_champion(run, location: Path) -> str:
    """The encoders of another method as champion."""
    workspace, _ = run
    best = judge(run, location / "scratch").method
    other = "pretrain/random" if best != "davenet" else "targeted-edits/random"
    open_registry(str(location / "registry")).promote(
        "other", workspace.layout.root / "data/encoders" / other, None
    )
    return best


@pytest.mark.parametrize("margin", [0.0, 100.0])
def test_both_are_heard_on_the_new_tests_and_the_margin_decides(run, tmp_path, margin):
    best = another_champion(run, tmp_path)
    decision = judge(run, tmp_path / "registry", margin)
    gain = decision.new["score"] - decision.champion["score"]
    assert decision.promoted == (gain >= margin)
    assert (
        decision.new["recall_10"]
        == read_json(run[0].layout.metrics("evaluation"), Results)[best]["recall"]["10"]
    )
    assert open_registry(str(tmp_path / "registry")).champion() == (
        decision.version if decision.promoted else "other"
    )
    assert f"{gain:+.1f}" in decision.reason


@pytest.mark.cluster
def test_the_decision_is_pushed(run, tmp_path, monkeypatch):
    another_champion(run, tmp_path)
    with pushgateway() as gateway:
        monkeypatch.setenv("WORDBRUSH_PUSHGATEWAY", gateway)
        decision = judge(run, tmp_path / "registry", 100.0)
        pushed = get(f"http://{gateway}/metrics")
    assert decision.verdict == "rejected"
    assert re.search(r'^wordbrush_gate_rejections{.*stage="promote"} 1$', pushed, re.MULTILINE)
    assert re.search(r'^wordbrush_gate_verdict{.*verdict="rejected"} 1$', pushed, re.MULTILINE)


def made(verdict: str) -> Decision:
    return Decision(verdict, "", "0123", "davenet", {"score": 50.0}, None, None, 1.0)


def test_rejections_in_a_row_are_counted(tmp_path):
    registry = open_registry(str(tmp_path))
    counts = [
        rejections(registry, made(verdict))
        for verdict in (
            "rejected",
            "rejected",
            "unchanged",
            "rejected",
            "promoted",
            "unchanged",
            "rejected",
        )
    ]
    assert counts == [1, 2, 2, 3, 0, 0, 1]


def test_a_count_that_cannot_be_kept_costs_a_line(tmp_path, capsys):
    (tmp_path / "rejections.json").mkdir()
    assert rejections(open_registry(str(tmp_path)), made("rejected")) == 1
    assert capsys.readouterr().err.startswith("rejections are not counted: ")


def test_a_champion_of_other_features_stays(tmp_path):
    better, reason = verdict({"score": 90.0}, None, "0123456789abcdef", 1.0)
    assert not better and "cannot be compared" in reason


def test_without_a_registry_it_says_so(run, monkeypatch):
    monkeypatch.delenv("WORDBRUSH_REGISTRY", raising=False)
    with pytest.raises(WordbrushError, match="WORDBRUSH_REGISTRY is not set"):
        decide("", run[0].root / "dvc.lock", None, ROOT, run[1])


@pytest.fixture
def champion(finished, tmp_path) -> tuple[Path, parameters.Params]:
    """A copy of the full method's encoders, as a champion is fetched, and the run's parameters."""
    folder = tmp_path / "champion"
    shutil.copytree(finished.layout.encoders("targeted-edits", "hard"), folder)
    return folder, parameters.load(finished.root / "params.yaml")


def test_a_champion_of_version_0_1_0_scores_as_it_did(finished, champion):
    """Its encoders.json has all training parameters of its version, and none of later ones."""
    folder, params = champion
    wanted = scores(folder, params, finished.layout)
    davenet = {**params.davenet.model_dump(), "given_up_since": 3}
    old = {"davenet": davenet, "bands": 40, "mining": "hard", "stage": "targeted-edits"}
    (folder / "encoders.json").write_text(json.dumps(old))
    assert scores_if_it_fits(folder, params, finished.layout) == wanted


def test_a_champion_is_scored_by_its_own_similarity(finished, champion):
    folder, params = champion
    wanted = scores(folder, params, finished.layout)
    other = "SISA" if params.davenet.similarity != "SISA" else "MISA"
    davenet = params.davenet.model_copy(update={"similarity": other})
    changed = params.model_copy(update={"davenet": davenet})
    assert scores(folder, changed, finished.layout) == wanted


def test_a_champion_that_hears_other_frames_is_not_compared(finished, champion):
    folder, params = champion
    config = read_config(folder / "encoders.json", EncoderConfig)
    features = config.features.model_copy(update={"hop_ms": 7.0})
    write_config(folder / "encoders.json", config.model_copy(update={"features": features}))
    assert scores_if_it_fits(folder, params, finished.layout) is None
