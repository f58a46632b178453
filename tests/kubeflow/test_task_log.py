"""What a local run prints: a line a task, and the output of a task that fails."""

import io

import pytest
from kfp import dsl, local

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.local.task_log import logged


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def talk(text: str) -> str:
    for number in range(100):
        print(f"{text} {number}")
    return text


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def fail(text: str):
    print(f"before: {text}")
    raise ValueError("the disk is full")


@pytest.fixture
def runner(tmp_path):
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(tmp_path / "outputs"),
        enable_caching=True,
        cache_root=str(tmp_path / "cache"),
    )


def run(pipeline, tmp_path) -> tuple[str, str]:
    """What is printed, and what the file has."""
    out = io.StringIO()
    try:
        with logged(tmp_path / "run.log", out, {"talk": "train-gan@hard"}):
            pipeline()
    except RuntimeError:
        print("failed", file=out)
    return out.getvalue(), (tmp_path / "run.log").read_text()


def test_a_task_is_a_line_and_the_file_has_the_rest(runner, tmp_path):
    @dsl.pipeline(name="one")
    def one():
        talk(text="hello")

    printed, log = run(one, tmp_path)
    (line,) = printed.splitlines()
    assert line.startswith("train-gan@hard ") and " done, " in line and line.endswith(" s")
    assert log.count("hello") >= 100
    again, _ = run(one, tmp_path)
    assert again.split() == ["train-gan@hard", "kept", "from", "an", "earlier", "run"]


def test_a_task_that_fails_shows_what_it_said(runner, tmp_path):
    @dsl.pipeline(name="two")
    def two():
        fail(text=talk(text="hello").output)

    printed, log = run(two, tmp_path)
    first, second, *said, last = printed.splitlines()
    assert " done, " in first and second.startswith("fail ") and " FAILED, " in second
    assert "before: hello" in "\n".join(said) and "the disk is full" in "\n".join(said)
    assert last == "failed" and "hello 50" not in printed and "hello 50" in log


def test_an_error_names_the_file(tmp_path):
    with (
        pytest.raises(WordbrushError, match=f"no. The whole log: {tmp_path}/run.log"),
        logged(tmp_path / "run.log", io.StringIO(), {}),
    ):
        raise WordbrushError("no.")
