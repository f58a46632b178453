"""`python -m experiments` on `tiny`, in its own repository; its tables against known numbers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiments.__main__ import read_variants, without_duplicates_first
from experiments.edits import near_misses
from experiments.runs import Run
from experiments.tables import cell, files_of_trials, gains

from tests.workspace import environment
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.results import Results
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json
from wordbrush.versioning.locks import read_lock

ROOT = Path(__file__).resolve().parents[2]


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        text=True,
        capture_output=True,
        env=environment(
            GIT_AUTHOR_NAME="a",
            GIT_AUTHOR_EMAIL="a@b",
            GIT_COMMITTER_NAME="a",
            GIT_COMMITTER_EMAIL="a@b",
        ),
    )


@pytest.fixture(scope="module")
def repository(finished, tmp_path_factory) -> Path:
    """The project as it stands, committed, with the cache of the finished run."""
    folder = tmp_path_factory.mktemp("repository")
    for name in command(
        ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard"
    ).stdout.split("\n"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.copytree(finished.root / ".dvc/cache", folder / ".dvc/cache")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "as it stands")):
        assert command(folder, "git", *words).returncode == 0
    return folder


@pytest.fixture(scope="module")
def done(repository) -> Path:
    """The results of two trials and one ablation."""
    ran = command(
        repository,
        sys.executable,
        "-m",
        "experiments",
        "tiny",
        "--trials",
        "2",
        "--ablations",
        "2",
        "--jobs",
        "2",
        "--only",
        "edits-none",
    )
    assert ran.returncode == 0, ran.stderr
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
    assert (done / "methods/1/dvc.lock").read_text().count("trial: 1") == 6


def test_an_ablation_is_validated_for_every_trial(done):
    numbers = [
        json.loads(path.read_text())
        for path in files_of_trials(done / "edits-none", "measured.json")
    ]
    assert len(numbers) == 2
    assert all(
        list(one) == ["hard_negatives", "hn_random_edits", "hn_targeted_edits"] for one in numbers
    )


def test_an_ablation_of_an_early_stage_is_measured_by_its_own_encoders_alone(repository, done):
    """Not by the encoders of a first trial that ran before."""
    ran = command(
        repository,
        sys.executable,
        "-m",
        "experiments",
        "tiny",
        "--trials",
        "2",
        "--keep",
        "--only",
        "similarity-sisa",
    )
    assert ran.returncode == 0, ran.stderr
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
    ran = command(
        repository,
        sys.executable,
        "-m",
        "experiments",
        "tiny",
        "--trials",
        "2",
        "--ablations",
        "0",
        "--drawing",
        "results/tiny/drawing",
        "--keep",
    )
    assert ran.returncode == 0, ran.stderr
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
    ran = command(
        repository, sys.executable, "-m", "experiments", "tiny", "--drawing", "results/part"
    )
    assert ran.returncode == 2 and "metrics/gan.json is missing" in ran.stderr


def test_outcomes_of_edits_are_counted(repository):
    """With the GAN and the segmenter of this repository."""
    ran = command(repository, sys.executable, "-m", "experiments.edits", "small", "--count", "100")
    assert ran.returncode == 0, ran.stderr
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
    ran = command(repository, sys.executable, "-m", "experiments.edits", "tiny", "--count", "4")
    assert ran.returncode == 2 and "of 4 drawings show one object alone" in ran.stderr


def test_near_misses_differ_in_one_attribute_of_one_object():
    red, blue = (
        {"shape": "cube", "material": "metal", "color": color, "size": "small"}
        for color in ("red", "blue")
    )
    ball = {**red, "shape": "sphere"}
    drawings = [[red], [blue], [ball], [red, ball], [red, red], [red]]
    pairs = {"color": 2, "shape": 2}  # of one object: red and blue, twice; red and ball, twice
    assert near_misses(drawings, 1) == {
        name: pytest.approx(2 * pairs.get(name, 0) / (4 * 5)) for name in ATTRIBUTES
    }
    assert near_misses(drawings, 2) == {
        name: pytest.approx((name == "shape") / 5) for name in ATTRIBUTES
    }
    assert near_misses(drawings, 3) == dict.fromkeys(ATTRIBUTES, 0)


def test_edits_of_nothing_are_refused():
    ran = command(ROOT, sys.executable, "-m", "experiments.edits", "absent")
    assert ran.returncode == 2 and "results/absent/methods/0/params.yaml" in ran.stderr


def test_results_of_changed_files_are_refused(repository, done):
    params = repository / "params.yaml"
    kept = params.read_text()
    params.write_text(kept.replace("seed: ", "seed: 1"))
    ran = command(repository, sys.executable, "-m", "experiments", "tiny")
    params.write_text(kept)
    assert ran.returncode == 2 and "params.yaml" in ran.stderr and "Commit them first" in ran.stderr


def test_no_two_ablations_train_the_same_at_a_time():
    order = [
        part.name
        for part in without_duplicates_first(
            [Run("tiny", name, 0, variant) for name, variant in read_variants(None).items()]
        )
    ]
    assert order[0] == "committed" and len(set(order)) == len(read_variants(None))
    assert {"mining-random", "few", "renderer"} < set(order[:9]) and {
        "random-none",
        "few-none",
        "transplant",
    } < set(order[9:])


def test_an_unknown_ablation_is_named():
    ran = command(ROOT, sys.executable, "-m", "experiments", "tiny", "--only", "edits-non")
    assert (
        ran.returncode == 2
        and "'edits-non' is unknown" in ran.stderr
        and "edits-none" in ran.stderr
    )


def test_a_cell_is_a_mean_with_student_s_interval():
    assert cell([1.0, 2.0, 3.0]) == "2.0 ± 2.5"  # 4.303 · 1 / √3
    assert cell([1.0, 2.0, 3.0], 5.0, "+") == "+2.0 ± 2.5 (+5.0)"
    assert cell([None, None]) == "–"
    assert cell([1.0]) == "1.0"


def test_gains_are_paired_by_trial(finished):
    """If all methods of a trial differ by the same amount, the gains do not change."""
    trial = read_json(finished.layout.metrics("evaluation"), Results)
    other = {
        name: {**one, "semantic": {key: value + 7 for key, value in one["semantic"].items()}}
        for name, one in trial.items()
    }
    for row in gains([trial, other]):
        assert "± 0.0" in row[1]
