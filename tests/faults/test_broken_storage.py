"""Whole stages against a failing bucket: they wait, or end with one sentence.

No partial output is left, and nothing damaged is fetched.
"""

import threading

import pytest

from tests.faults.proxy import Proxy
from wordbrush.errors import WordbrushError
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.keys import stage_keys
from wordbrush.versioning.records import lost
from wordbrush.versioning.runs import run_stage
from wordbrush.versioning.workspace import scratch_workspace

pytestmark = pytest.mark.faults


@pytest.fixture
def proxy(bucket_server, monkeypatch) -> Proxy:
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    proxy = Proxy(bucket_server)
    yield proxy
    proxy.shutdown()
    proxy.server_close()


def storage(proxy: Proxy, name: str) -> RemoteConfig:
    options = {"endpointurl": proxy.address, "allow_anonymous_login": "true", "projectname": "test"}
    return RemoteConfig(f"gs://wordbrush/{name}", options)


@pytest.mark.parametrize(("fault", "seconds"), [(503, 20), ("drop", 5)])
def test_a_stage_outlasts_a_bucket_in_trouble(proxy, finished, tmp_path, fault, seconds):
    params, remote = (finished.root / "params.yaml").read_text(), storage(proxy, tmp_path.name)
    with run_stage("render-scenes", params, [], remote=remote, source=finished.root) as run:
        before = run.lock
    proxy.fault = fault
    threading.Timer(seconds, setattr, (proxy, "fault", None)).start()
    with run_stage("render-scenes", params, [], remote=remote, source=finished.root) as again:
        assert again.lock == before
    with scratch_workspace(finished.root, params, remote) as repo:
        assert lost(repo, {"render-scenes": stage_keys(repo)["render-scenes"]}) == []


@pytest.mark.parametrize("fault", [401, 403])
def test_a_refused_stage_says_so_in_one_sentence(proxy, finished, tmp_path, fault):
    params, remote = (finished.root / "params.yaml").read_text(), storage(proxy, tmp_path.name)
    proxy.fault = fault
    with (
        pytest.raises(WordbrushError, match="gs://wordbrush") as caught,
        run_stage("render-scenes", params, [], remote=remote, source=finished.root),
    ):
        pass
    assert "\n" not in str(caught.value)
