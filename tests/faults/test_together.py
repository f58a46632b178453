"""Two pipelines at once on one cache and one remote: both succeed, with the same bytes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.kfp_server import pipeline
from wordbrush.versioning.locks import read_lock

pytestmark = pytest.mark.faults


def test_two_pipelines_at_once(finished, tmp_path):
    def run(name: str) -> dict[str, str]:
        (tmp_path / name).mkdir()
        done = pipeline(
            "run",
            "--preset",
            "tiny",
            cwd=tmp_path / name,
            WORDBRUSH_CACHE=str(tmp_path / "cache"),
            WORDBRUSH_REMOTE=str(tmp_path / "remote"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lock = read_lock(tmp_path / name / ".wordbrush/kfp/dvc.lock")
        return {
            out["path"]: out["md5"] for entry in lock["stages"].values() for out in entry["outs"]
        }

    with ThreadPoolExecutor() as pool:
        one, two = pool.map(run, ("one", "two"))
    assert one == two == finished.hashes()
