"""Bringing the lock of a finished run home, after which `dvc pull` fetches its artifacts."""

import shutil
from pathlib import Path

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.plan import params_text
from wordbrush.storage.files import whole_file
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.locks import read_lock
from wordbrush.versioning.records import recorded_lock
from wordbrush.versioning.workspace import scratch_workspace


def lock_of_file(path: Path) -> str:
    """The lock of a local run. Raises WordbrushError where the file is no lock."""
    read_lock(path)
    return path.read_text(encoding="utf-8")


def lock_of_run(run: str, key: str, remote: RemoteConfig, source: Path) -> str:
    """The lock that the remote keeps of a finished run on a server.

    key: that of its last stage. Raises WordbrushError: the run left no lock in this remote.
    """
    with scratch_workspace(source, params_text(source), remote) as repo:
        lock = recorded_lock(repo, key)
    if lock is None:
        raise WordbrushError(
            f"the remote has no lock of the run {run}: is --remote the one that the cluster uses?"
        )
    return lock


def adopt(lock: str, target: Path) -> None:
    """Write the lock to `target`; another one that was there is kept beside it, as *.before."""
    if target.is_file() and target.read_text(encoding="utf-8") != lock:
        shutil.copyfile(target, target.with_name(f"{target.name}.before"))
    with whole_file(target) as scratch:
        scratch.write_text(lock, encoding="utf-8")
