"""Bringing the lock of a finished run home, after which `dvc pull` fetches its artifacts."""

import os
import re
import shutil
from pathlib import Path

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.plan import params_text
from wordbrush.kubeflow.server import runs
from wordbrush.kubeflow.server.client import connect, report_key
from wordbrush.kubeflow.server.connection import Connection
from wordbrush.storage.files import read_text, whole_file
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.locks import read_lock
from wordbrush.versioning.records import recorded_lock
from wordbrush.versioning.workspace import scratch_workspace

ID = re.compile(r"[0-9A-Za-z-]+")


def is_id(run: str) -> bool:
    """Whether the id of a run is meant, and not a file, which may be missing."""
    return bool(ID.fullmatch(run)) and not os.path.exists(run)


def lock_of_file(path: Path) -> str:
    """The lock of a local run. Raises WordbrushError where there is no file, or it is no lock."""
    text = read_text(path, "Name the lock file of a local run, or the id of a run on a server.")
    read_lock(path)
    return text


def key_of_run(server: Connection, run: str) -> str:
    """The key of a finished run's last stage. run: its id, or a beginning of it.

    Raises WordbrushError: the server does not answer, or has no such run that is finished.
    """
    try:
        api = connect(server)
        return report_key(api, runs.find(api, server, run))
    except WordbrushError as error:
        if runs.UUID.fullmatch(run):
            raise
        raise WordbrushError(f"{run} is no file here, and as the id of a run: {error}") from None


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
    if target.is_file() and target.read_bytes() != lock.encode():
        with whole_file(target.with_name(f"{target.name}.before")) as before:
            shutil.copyfile(target, before)
    with whole_file(target) as scratch:
        scratch.write_text(lock, encoding="utf-8")
