"""A DVC repository in a folder of its own, made of code, parameters, a lock and a remote."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from wordbrush.errors import WordbrushError
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.yaml import read_yaml
from wordbrush.versioning.configuration import configure
from wordbrush.versioning.credentials import require_credentials
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.failures import reasons, storage_errors
from wordbrush.versioning.graph import arrange
from wordbrush.versioning.listings import guard
from wordbrush.versioning.locks import LOCK, merge_locks, write_lock

CODE = ("dvc.yaml", ".dvcignore", "src")  # what a workspace takes from the source
NOT_CODE = ("__pycache__", "*.pyc", "*.egg-info")


@contextmanager
def workspace(
    folder: Path, source: Path, params: str, lock: dict[str, Any], remote: RemoteConfig
) -> Iterator[Repo]:
    """A DVC repository without git in `folder`, which is the current folder meanwhile.

    source: the folder with dvc.yaml and src. params: the text of params.yaml.
    Raises WordbrushError: the source has no dvc.yaml, the remote needs credentials.
    """
    guard()
    require_credentials(remote)
    _copy_code(source, folder)
    (folder / PARAMS).write_text(params, encoding="utf-8")
    arrange(folder, read_yaml(folder / PARAMS))
    write_lock(folder / LOCK, lock)
    logging.getLogger("dvc.repo.init").setLevel(logging.WARNING)
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it prints what it also raises
    Repo.init(str(folder), no_scm=True).close()
    before = Path.cwd()
    os.chdir(folder)  # DVC reads targets relative to it
    try:
        _configure(remote, before)
        with Repo(".") as repo:
            yield repo
    finally:
        os.chdir(before)


def _copy_code(source: Path, folder: Path) -> None:
    if not (source / "dvc.yaml").is_file():
        raise WordbrushError(
            f"{source.resolve()} holds no dvc.yaml: "
            "set WORDBRUSH_SOURCE to the folder with dvc.yaml and src."
        )
    for name in CODE:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns(*NOT_CODE))
        elif (source / name).is_file():
            shutil.copy2(source / name, folder / name)


def _configure(remote: RemoteConfig, base: Path) -> None:
    """Name remote and cache in the current repository; relative paths are relative to `base`."""
    url = remote.url if "://" in remote.url else str((base / remote.url).resolve())
    cache = {"dir": str((base / remote.cache).resolve())} if remote.cache else {}
    with Repo(".") as repo:
        configure(
            repo,
            {"url": url, "verify": True, **remote.options},
            core={"analytics": False},
            cache=cache,
        )


@contextmanager
def scratch_workspace(source: Path, params: str, remote: RemoteConfig) -> Iterator[Repo]:
    """A workspace for reading only: the graph, its keys, or the remote.

    Raises WordbrushError: the remote cannot be read.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        workspace(Path(folder), source, params, merge_locks([]), remote) as repo,
    ):
        try:
            yield repo
        except storage_errors() as error:
            raise WordbrushError(
                f"the remote {remote.url} cannot be looked at: {reasons(error)}"
            ) from error


@contextmanager
def fetched(
    source: Path, params: str, lock: Path, remote: RemoteConfig, paths: Sequence[str]
) -> Iterator[Layout]:
    """A folder with these outputs of a finished run, while it is needed.

    Raises WordbrushError: an output is lost or damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        with workspace(Path(folder), source, params, merge_locks([lock]), remote) as repo:
            try:
                repo.pull(targets=list(paths))
            except storage_errors() as error:
                raise WordbrushError(
                    f"{', '.join(paths)} cannot be fetched from {remote.url}: {reasons(error)}"
                ) from error
        yield Layout(Path(folder))
