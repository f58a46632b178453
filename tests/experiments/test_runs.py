"""`python -m experiments` on `tiny`, in a repository of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiments.tables import files_of_trials

from tests.conftest import ROOT
from tests.workspace import Workspace
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.results import Results
from wordbrush.storage.files import read_json
from wordbrush.versioning.locks import read_lock

pytestmark = pytest.mark.runs

FILES = (
    *("src", "presets", "experiments", "results"),
    *(".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"),
    *("dvc.yaml", "params.yaml", "Makefile"),
)


def experiments(
    repository: Path, *arguments: str, module: str = "experiments", check: bool = True
) -> subprocess.CompletedProcess[str]:
    return Workspace(repository).run(sys.executable, "-m", module, *arguments, check=check)


@pytest.fixture(scope="module")
def repository(finished, tmp_path_factory) -> Path:
    """The project as it stands, committed, with the cache of the finished run.

    It names its files, so that a lock, results or settings that a run left do not come along.
    """
    folder = tmp_path_factory.mktemp("repository")
    for name in FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    for other in (folder / "results").iterdir():
        if other.name != "small":
            shutil.rmtree(other)
    shutil.copytree(finished.root / ".dvc/cache", folder / ".dvc/cache")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "as it stands")):
        Workspace(folder).run("git", *words)
    return folder


@pytest.fixture(scope="module")
def done(repository) -> Path:
    """The results of two trials and one ablation."""
    experiments(
        repository,
        "tiny",
        "--trials",
        "2",
        "--ablations",
        "1",
        "--jobs",
        "2",
        "--only",
        "edits-none",
    )
    return repository / "results/tiny"


def test_trials_differ_only_in_davenets_training(done, finished):
    first, second = (
        read_json(path, Results) for path in files_of_trials(done / "methods", "evaluation.json")
    )
    # the first trial is what `dvc repro` gives
    assert first == read_json(finished.layout.metrics("evaluation"), Results)
    assert first != second
    for name in ("gan", "segmenter", "captions"):
        one, other = ((done / f"methods/{trial}/{name}.json").read_text() for trial in range(2))
        assert one == other
    trained = 2 * 3 + 1  # three stages by both kinds of impostors, and the senses
    assert (done / "methods/1/dvc.lock").read_text().count("trial: 1") == trained


def test_every_method_of_an_ablation_is_validated(done):
    (path,) = files_of_trials(done / "edits-none", "measured.json")
    measured = json.loads(path.read_text())
    assert list(measured) == ["hard_negatives", "hn_random_edits", "hn_targeted_edits"]


def test_an_ablation_of_an_early_stage_is_measured_by_its_own_encoders_alone(repository, done):
    """Not by the encoders of a first trial that ran before."""
    experiments(repository, "tiny", "--trials", "2", "--keep", "--only", "similarity-sisa")
    path = done / "similarity-sisa/0/measured.json"
    assert list(json.loads(path.read_text())) == ["hard_negatives"]
    shutil.rmtree(done / "similarity-sisa")


def test_tables_hold_every_method_and_the_ablation(done):
    text = (done / "tables.md").read_text()
    trial = read_json(done / "methods/0/evaluation.json", Results)
    assert len(trial) == 6
    assert all(text.count(f"| {method_named(name).title} |") == 2 for name in trial)
    assert "| no edits |" in text and "means of 2 trials" in text
    assert "as word detectors" in text and "| heard word |" in text
    assert "<svg" in (done / "methods.svg").read_text()
    assert json.loads((done / "about.json").read_text())["trials"] == 2


def test_a_kept_gan_and_segmenter_are_used_instead_of_training(repository, done):
    """With --keep, results that exist stay: no trial trains anything."""
    first, second = (
        repository / f".wordbrush/experiments/tiny/methods/{trial}" for trial in range(2)
    )
    for workspace in (first, second):
        shutil.rmtree(workspace)
    results = done / "methods/0/evaluation.json"
    written = results.stat().st_mtime_ns
    experiments(
        repository,
        "tiny",
        "--trials",
        "2",
        "--ablations",
        "0",
        "--drawing",
        "results/tiny/drawing",
        "--keep",
    )
    log = (first / "experiment.log").read_text()
    assert "Stage 'train-gan' didn't change" in log and "Stage 'train-gan' is cached" not in log
    assert set(read_lock(done / "drawing/dvc.lock")["stages"]) == {
        "render-scenes",
        "train-gan",
        "train-segmenter",
    }
    assert (
        "pretrain-davenet" not in log
        and "pretrain-davenet" not in (second / "experiment.log").read_text()
    )
    assert results.stat().st_mtime_ns == written
    assert json.loads((done / "about.json").read_text())["drawing"] == "given"


def test_a_kept_gan_and_segmenter_that_lack_a_file_are_refused(repository, done):
    given = repository / "results/part"
    shutil.copytree(done / "drawing", given)
    (given / "metrics/gan.json").unlink()
    ran = experiments(repository, "tiny", "--drawing", "results/part", check=False)
    assert ran.returncode == 2 and "metrics/gan.json is missing" in ran.stderr


def test_outcomes_of_edits_are_counted(repository):
    """With the GAN and the segmenter of this repository."""
    ran = experiments(repository, "small", "--count", "100", module="experiments.edits")
    rows = [
        line.split(" | ")
        for line in ran.stdout.splitlines()
        if line.startswith(("| ablate", "| transplant"))
    ]
    assert len(rows) == 2 * 3 * 3
    # each percentage is rounded
    assert all(abs(sum(map(int, row[3:-1])) - 100) <= 4 for row in rows)
    assert (repository / "results/small/edits.md").read_text() == ran.stdout[:-1]
    assert (repository / "results/small/edits.png").read_bytes().startswith(b"\x89PNG")


def test_edits_need_drawings_of_one_object(repository, done):
    ran = experiments(repository, "tiny", "--count", "4", module="experiments.edits", check=False)
    assert ran.returncode == 2 and "of 4 drawings show one object alone" in ran.stderr


def test_results_of_changed_files_are_refused(repository, done):
    params = repository / "params.yaml"
    kept = params.read_text()
    params.write_text(kept.replace("seed: ", "seed: 1"))
    ran = experiments(repository, "tiny", check=False)
    params.write_text(kept)
    assert ran.returncode == 2 and "params.yaml" in ran.stderr and "Commit them first" in ran.stderr
