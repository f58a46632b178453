"""A bucket without Google credentials is one sentence, within seconds and before any request."""

import json

import pytest

from tests.kfp_server import IMAGE, ROOT, Server, pipeline, serving
from wordbrush.errors import WordbrushError
from wordbrush.versioning.credentials import require_credentials
from wordbrush.versioning.environment import RemoteConfig

BUCKET = RemoteConfig("gs://bucket/dvc")


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A machine without credentials, whose metadata server is a closed port."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
        monkeypatch.setenv(name, "127.0.0.1:9")


ORDER = ("--image", IMAGE, "--service-account", "wordbrush")


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "--preset", "tiny", "--remote", "gs://bucket/dvc", *ORDER),
        ("adopt", "r1", "--remote", "gs://bucket/dvc"),
    ],
)
def test_the_command_line_says_how_to_log_in(nobody, arguments, tmp_path):
    with serving() as server:
        finished_run(server)
        done = pipeline(*arguments, "--host", server.host, cwd=tmp_path)
        assert not server.asked("POST", "/runs")
    assert done.returncode == 2 and not done.stdout
    (line,) = done.stderr.strip().splitlines()
    for words in ("gs://bucket/dvc needs Google credentials", "gcloud auth application-default"):
        assert words in line


def finished_run(server: Server) -> None:
    """A run whose last stage has a key, as `adopt` asks for."""
    task = {
        "taskInfo": {"name": "report"},
        "componentRef": {"name": "comp-report"},
        "inputs": {"parameters": {"key": {"runtimeValue": {"constant": "0" * 64}}}},
    }
    spec = {"root": {"dag": {"tasks": {"report": task}}}, "components": {"comp-report": {}}}
    server.runs["r1"] = {"run_id": "r1", "pipeline_spec": {"pipeline_spec": spec}}
    server.states = ["SUCCEEDED"]


def test_a_key_file_that_is_missing_or_no_key_is_named(nobody, monkeypatch, tmp_path):
    key = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(WordbrushError, match=rf"\(File {key} was not found\)"):
        require_credentials(BUCKET)
    key.write_text("{}")
    with pytest.raises(WordbrushError, match="needs Google credentials"):
        require_credentials(BUCKET)


def test_a_login_is_enough(nobody, tmp_path):
    """As `gcloud auth application-default login` leaves it. Nothing is sent."""
    login = tmp_path / ".config/gcloud/application_default_credentials.json"
    login.parent.mkdir(parents=True)
    fields = ("client_id", "client_secret", "refresh_token")
    login.write_text(json.dumps({"type": "authorized_user", **dict.fromkeys(fields, "x")}))
    require_credentials(BUCKET)


@pytest.mark.parametrize(
    "remote",
    [
        RemoteConfig(str(ROOT)),
        RemoteConfig("gs://bucket/dvc", {"allow_anonymous_login": True}),
        RemoteConfig("gs://bucket/dvc", {"credentialpath": "key.json"}),
    ],
)
def test_other_remotes_need_none(nobody, remote):
    require_credentials(remote)


def test_pods_have_the_time_that_their_metadata_server_takes(nobody, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    require_credentials(BUCKET)
