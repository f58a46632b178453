"""Names, labels and descriptions of runs."""

import subprocess
from pathlib import Path

import pytest
from pipeline import app

from tests.conftest import ROOT
from tests.kfp_server import IMAGE, Compiled
from tests.workspace import Workspace
from wordbrush.kubeflow.compiler.identity import Identity, identify, label_value
from wordbrush.kubeflow.compiler.plan import make_plan
from wordbrush.versioning.git import described_head

KEY = "0123456789abcdef" * 4


def test_a_run_is_called_after_what_it_was_compiled_from():
    small = Identity("small", "5261956", 0, KEY, "image:1")
    assert small.name == "small-5261956"
    assert Identity("small", "5261956", 2, KEY, "image:1").name == "small-5261956-trial-2"
    assert Identity("small", None, 0, KEY, "image:1").name == "small-0123456789ab"
    assert small.labels == {
        "wordbrush/preset": "small",
        "wordbrush/commit": "5261956",
        "wordbrush/trial": "0",
        "wordbrush/key": "0123456789ab",
    }
    made = "preset small, commit 5261956, trial 0, key 0123456789ab, image image:1"
    assert small.description() == made
    assert small.description("a test") == f"a test ({made})"


@pytest.mark.parametrize(
    ("text", "value"),
    [("small", "small"), ("my preset", "my-preset"), ("größe_", "gr--e"), ("-a.b-", "a.b"),
     ("x" * 80, "x" * 63), ("日本", "")],
)  # fmt: skip
def test_values_of_labels_are_those_of_kubernetes(text, value):
    assert label_value(text) == value


def test_the_commit_is_that_of_the_source(tmp_path):
    source = Workspace.create(tmp_path / "source", ROOT).root

    def commit() -> str | None:
        return identify(make_plan(source, None, "image:1", ROOT / "k8s/pools.yaml")).commit

    assert commit() is None
    git(source, "init", "-q")
    git(source, "add", "params.yaml")
    git(source, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    assert commit() == git(source, "rev-parse", "HEAD")[:7]
    params = source / "params.yaml"
    params.write_text(params.read_text().replace("trial: 0", "trial: 3"))
    found = identify(make_plan(source, None, "image:1", ROOT / "k8s/pools.yaml"))
    assert found.commit == f"{git(source, 'rev-parse', 'HEAD')[:7]}-dirty"
    assert described_head(source) == f"{git(source, 'rev-parse', 'HEAD')} with uncommitted changes"
    assert found.trial == 3 and found.preset == "params"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_submit_names_describes_and_labels(server, tmp_path, capsys):
    remote = str(tmp_path / "remote")
    arguments = ("--preset", "tiny", "--trial", "4", "--note", "another seed", "--remote", remote)
    runs = ("--service-account", "runner", "--image", IMAGE)
    app(["submit", "--host", server.host, *arguments, *runs], standalone_mode=False)
    run = server.runs["r1"]
    assert run["display_name"].startswith("tiny-") and run["display_name"].endswith("-trial-4")
    assert run["display_name"] in capsys.readouterr().out
    assert run["description"].startswith("another seed (preset tiny, commit ")
    sent = Compiled(run["pipeline_spec"]["pipeline_spec"], run["pipeline_spec"]["platform_spec"])
    for name, task in sent.tasks.items():
        labels = sent.kubernetes(name)["podMetadata"]["labels"]
        assert labels["wordbrush/trial"] == "4" and len(labels["wordbrush/key"]) == 12
        params = task["inputs"]["parameters"]["params"]["runtimeValue"]["constant"]
        assert "trial: 4" in params
