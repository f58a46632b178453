"""The hash of a stage depends on its parameters, code, data and mining, and on nothing else."""

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.versioning.fingerprint import fingerprint

DVC = """stages:
  learn:
    matrix: {mining: [random, hard]}
    cmd: x
    params: [seed, net.width]
    deps: ["data/${item.mining}", code.py]
"""


@pytest.fixture
def project(tmp_path):
    files = {
        "dvc.yaml": DVC,
        "params.yaml": "seed: 1\nnet: {width: 2, depth: 3}\n",
        "code.py": "x",
        "data/hard/a": "1",
        "data/random/a": "1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "same"),
    [
        ("params.yaml", "seed: 1\nnet: {width: 2, depth: 4}\n", True),
        ("params.yaml", "seed: 2\nnet: {width: 2, depth: 3}\n", False),
        ("code.py", "y", False),
        ("data/hard/a", "2", False),
        ("data/hard/b", "", False),
        ("data/random/a", "2", True),
    ],
)
def test_it_follows_what_the_stage_depends_on(project, name, text, same):
    before = fingerprint("learn", "hard", project)
    assert (
        fingerprint("learn", "hard", project) == before != fingerprint("learn", "random", project)
    )
    (project / name).write_text(text)
    assert (fingerprint("learn", "hard", project) == before) == same


def test_what_is_missing_is_named(project):
    (project / "code.py").unlink()
    with pytest.raises(WordbrushError, match=r"code\.py is missing"):
        fingerprint("learn", "hard", project)
    with pytest.raises(WordbrushError, match="no stage 'unlearn'"):
        fingerprint("unlearn", None, project)
