"""`python -m benchmarks` as people run it.

A cheap row is measured and written as JSON and Markdown; errors are one sentence.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scaling import Sweep

ROOT = Path(__file__).resolve().parents[2]


def benchmarks(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, text=True, capture_output=True
    )


@pytest.mark.runs
def test_a_row_is_measured_printed_and_written(tmp_path):
    done = benchmarks(
        "--quick",
        "--only",
        "features",
        "--threads",
        "1",
        "--json",
        str(tmp_path / "all.json"),
        "--markdown",
        str(tmp_path / "table.md"),
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "all.json").read_text())
    assert {
        "machine",
        "versions",
        "commit",
        "threads",
        "limits",
        "quick",
        "peers",
        "scaling",
    } <= set(document)
    assert document["threads"]["torch"] == 1 and all(
        limit > 0 for limit in document["limits"].values()
    )
    (row,) = document["rows"]
    assert row["row"] == "features" and row["baseline"] == "torchaudio, kaldi.fbank"
    assert row["ratio"] == pytest.approx(row["baseline_seconds"] / row["seconds"])
    # once where other work leaves no time for more
    assert min(row["repeats"], row["baseline_repeats"]) >= 1 and row["spread"] >= 0
    assert (
        f"{row['ratio']:.3g}×" in done.stdout
        and f"{row['ratio']:.3g}×" in (tmp_path / "table.md").read_text()
    )


@pytest.mark.runs
def test_steps_with_edits_can_take_what_a_run_made(finished, tmp_path):
    done = benchmarks(
        "--quick",
        "--only",
        "edited-steps",
        "--demo",
        str(finished.root),
        "--json",
        str(tmp_path / "all.json"),
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "all.json").read_text())["rows"]
    assert [row["work"] for row in rows] == ["step with random edits", "step with targeted edits"]
    assert all(row["note"].startswith("the demo's drawings; ") and row["ratio"] > 0 for row in rows)


def test_a_folder_without_a_run_is_one_sentence(tmp_path):
    done = benchmarks("--only", "edited-steps", "--demo", str(tmp_path))
    assert (
        done.returncode == 2
        and "params.yaml is missing" in done.stderr
        and "Traceback" not in done.stderr
    )


def test_an_unknown_row_is_one_sentence():
    done = benchmarks("--only", "everything")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(
        "benchmarks: --only 'everything' is unknown; there are davenet-step"
    )
    assert done.stderr.count("\n") == 1


def test_slopes_are_those_of_powers():
    sizes = [1.0, 2.0, 4.0, 8.0]
    assert Sweep("a", "b", sizes, [3 * size**2 for size in sizes]).slope == pytest.approx(2)
    assert Sweep("a", "b", sizes, [0.1 * size for size in sizes]).slope == pytest.approx(1)
