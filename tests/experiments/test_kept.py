"""Results of long experiments: kept one by one, and of one set of parameters, code and data."""

import json
from pathlib import Path

import pytest
from experiments.kept import PACKAGE, Kept, code_of, data_of
from experiments.runs import ROOT

from wordbrush.errors import WordbrushError
from wordbrush.storage.layout import Layout
from wordbrush.versioning.fingerprint import digest
from wordbrush.versioning.git import git

LOCK = """schema: '2.0'
stages:
  synthesize-captions:
    cmd: wordbrush synthesize-captions
    outs:
    - {path: data/features, hash: md5, md5: aaa.dir}
  report:
    cmd: wordbrush report
    outs:
    - {path: report.html, hash: md5, md5: bbb}
"""


def never() -> float:
    raise AssertionError("measured again")


def killed() -> float:
    raise KeyboardInterrupt


def test_what_was_measured_before_a_kill_is_not_measured_again(tiny, tmp_path):
    path, layout = tmp_path / "units.json", Layout(tmp_path)
    kept = Kept.of("units", path, tiny, layout)
    assert kept.get("none", lambda: {"recall_10": 50.0}) == {"recall_10": 50.0}
    with pytest.raises(KeyboardInterrupt):
        kept.get("cold", killed)
    again = Kept.of("units", path, tiny, layout)
    assert again.get("none", never) == {"recall_10": 50.0}
    assert again.get("cold", lambda: {"recall_10": 49.0}) == {"recall_10": 49.0}
    found = json.loads(path.read_text())
    assert list(found["results"]) == ["none", "cold"]
    assert found["about"]["command"].startswith("python -m experiments.units")
    assert found["about"]["commit"].startswith(git(ROOT, "rev-parse", "HEAD"))


def test_results_of_other_parameters_or_data_are_left_alone(tiny, tmp_path):
    path, layout = tmp_path / "units.json", Layout(tmp_path)
    Kept.of("units", path, tiny, layout).get("none", lambda: 1.0)
    before = path.read_bytes()
    other = tiny.model_copy(update={"seed": tiny.seed + 1})
    with pytest.raises(WordbrushError, match=r"units\.json holds results of other parameters"):
        Kept.of("units", path, other, layout)
    (tmp_path / "dvc.lock").write_text(LOCK)
    assert data_of(layout) == {"data/features": "aaa.dir"}
    with pytest.raises(WordbrushError, match="another --output"):
        Kept.of("units", path, tiny, layout)
    assert path.read_bytes() == before


def test_the_code_is_what_the_experiment_imports():
    known = code_of("heads")
    files = ("experiments/impacts.py", "experiments/trainings.py", "experiments/heads.py")
    inner = ("davenet/training.py", "senses/heads.py", "evaluation/retrieval.py")
    for file in (*(ROOT / one for one in files), *(PACKAGE / one for one in inner)):
        assert digest(file) in known, file
    for file in (ROOT / "experiments/senses.py", PACKAGE / "explorer/server.py"):
        assert digest(file) not in known, file


@pytest.mark.parametrize(
    ("place", "words"), [("", "is a directory"), ("no/units.json", "is not there")]
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(
    tiny, tmp_path, place, words
):
    with pytest.raises(WordbrushError, match=words):
        Kept.of("units", tmp_path / place, tiny, Layout(tmp_path))


def test_what_is_no_file_of_results_is_named(tiny, tmp_path):
    path: Path = tmp_path / "units.json"
    path.write_text('{"none": {"recall_10": 50.0}}')
    with pytest.raises(WordbrushError, match=r"units\.json"):
        Kept.of("units", path, tiny, Layout(tmp_path))


def test_without_a_file_results_last_as_long_as_the_process(tiny, tmp_path):
    kept = Kept.of("units", None, tiny, Layout(tmp_path))
    assert kept.get("none", lambda: 1.0) == kept.get("none", never) == 1.0
    assert list(tmp_path.iterdir()) == []
