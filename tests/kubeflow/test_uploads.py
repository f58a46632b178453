"""upload: a version for each preset, once, and the results of runs that the UI starts of one."""

import re

import pytest
from pipeline import app

from tests.kfp_server import IMAGE, Compiled, Server, serving, task_detail


def upload(server: Server, *more: str) -> None:
    arguments = ["upload", "--host", server.host, "--image", IMAGE, *more]
    app(arguments, standalone_mode=False)


def test_every_preset_becomes_a_version_once(server, capsys):
    upload(server)
    first = capsys.readouterr().out
    upload(server, "--preset", "tiny")
    second = capsys.readouterr().out
    assert [one["display_name"] for one in server.pipelines.values()] == ["wordbrush"]
    names = [one["display_name"] for one in server.versions.values()]
    assert [name.partition("-")[0] for name in names] == [
        *("full", "languages", "paper", "senses", "small", "sounds", "tiny", "vq"),
    ]
    assert all(re.fullmatch(r"\w+-[0-9a-f]{7}(-dirty)?-[0-9a-f]{6}", name) for name in names)
    assert first.count("uploaded to") == 8 and second.count("is there already") == 1
    assert f"{server.host}/#/pipelines/details/p1/version/v7" in second


@pytest.fixture(scope="module")
def made() -> dict:
    """What the server keeps of a version."""
    with serving() as server:
        upload(server, "--preset", "tiny", "--trial", "2", "--gate")
        return server.versions["v1"]


def test_a_version_leaves_nothing_open_and_says_what_it_is(made):
    assert re.fullmatch(r"tiny-[0-9a-f]+(-dirty)?-trial-2-gate-[0-9a-f]{6}", made["display_name"])
    for words in ("preset tiny", "trial 2", "key ", f"image {IMAGE}"):
        assert words in made["description"]
    sent = Compiled(made["pipeline_spec"]["pipeline_spec"], made["pipeline_spec"]["platform_spec"])
    assert "inputDefinitions" not in sent.spec["root"]
    assert set(sent.tasks) == {"compare", "changed", "unchanged"}
    assert len(sent.within("changed").tasks) == 18
    labels = sent.kubernetes("compare")["podMetadata"]["labels"]
    assert labels["wordbrush/preset"] == "tiny" and labels["wordbrush/trial"] == "2"


def test_another_image_is_another_version(made, server):
    server.versions["v1"] = made
    server.pipelines["p1"] = {"pipeline_id": "p1", "display_name": "wordbrush"}
    other = IMAGE.replace("/wordbrush", "/other")
    upload(server, "--preset", "tiny", "--trial", "2", "--gate", "--image", other)
    first, second = (one["display_name"] for one in server.versions.values())
    assert first != second and first[:-6] == second[:-6]


def test_a_run_that_the_ui_started_of_a_version_is_shown_and_adopted(
    made, server, tmp_path, capsys
):
    """Kubeflow answers with a reference to the version, not with the pipeline."""
    server.versions["v1"] = made
    spec = made["pipeline_spec"]["pipeline_spec"]
    inputs = spec["root"]["dag"]["tasks"]["compare"]["inputs"]
    key = inputs["parameters"]["key"]["runtimeValue"]["constant"]
    locks = tmp_path / "remote/wordbrush/locks"
    locks.mkdir(parents=True)
    (locks / f"{key}.lock").write_text("schema: '2.0'\nstages: {}\n")
    reference = {"pipeline_id": "p1", "pipeline_version_id": "v1"}
    server.runs["r1"] = {"run_id": "r1", "pipeline_version_reference": reference}
    server.states = ["SUCCEEDED"]
    server.tasks = [
        task_detail("condition-2-driver", "SUCCEEDED"),
        task_detail("condition-2", "SUCCEEDED"),
        task_detail("random-edits-2-driver", "SUCCEEDED"),
        task_detail("random-edits-2", "SUCCEEDED"),
    ]
    app(["status", "r1", "--host", server.host], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "random-edits@hard" in shown and "condition" not in shown and "-2" not in shown
    where = ["--remote", str(tmp_path / "remote"), "--target", str(tmp_path / "dvc.lock")]
    app(["adopt", "r1", "--host", server.host, *where], standalone_mode=False)
    assert (tmp_path / "dvc.lock").read_text().startswith("schema")
