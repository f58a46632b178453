"""One stage in a fresh workspace: inputs are fetched by hash, outputs are kept in the remote.

A stage that anyone ever ran with the same code, parameters and inputs is fetched, not run: DVC's
run cache travels with the data, so laptop and cluster share one cache. Nothing here knows Kubeflow.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc.exceptions
from dvc.repo import Repo

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_json
from wordbrush.versioning.environment import (
    RemoteConfig,
    source_from_environment,
    work_from_environment,
)
from wordbrush.versioning.failures import reasons, storage_errors
from wordbrush.versioning.keys import stage_keys
from wordbrush.versioning.locks import LOCK, merge_locks
from wordbrush.versioning.records import is_whole, record_lock, remote_objects
from wordbrush.versioning.workspace import workspace


@dataclass(frozen=True)
class Pointer:
    """An output of a stage: its path, its hash, its size in bytes, and its place in the remote."""

    path: str
    md5: str
    size: int
    uri: str


@dataclass(frozen=True)
class StageRun:
    """What a finished stage leaves.

    lock: the text of the lock of the stage and all before it. pointers: to its outputs.
    metrics: the numbers of its metrics files. workspace: the folder that it ran in.
    """

    stage: str
    lock: str
    pointers: tuple[Pointer, ...]
    metrics: dict[str, float]
    workspace: Path


@contextmanager
def run_stage(
    stage: str,
    params: str,
    locks: Sequence[str | Path],
    key: str | None = None,
    remote: RemoteConfig | None = None,
    source: Path | None = None,
) -> Iterator[StageRun]:
    """Run one stage of dvc.yaml, or fetch what it would make; yields while its workspace exists.

    stage: its address, such as `train-gan` or `random-edits@hard`.
    params: the text of params.yaml.
    locks: the lock files of the stages that it reads from.
    key: what `stage_keys` gave where the pipeline was compiled; other code here is an error.
    remote: None: as the environment says.
    source: the folder with dvc.yaml and src. None: as the environment says.

    Raises WordbrushError: conflicting locks, other code, no remote, lost or damaged inputs, a stage
    that fails. Nothing is pushed then.
    """
    remote = remote or RemoteConfig.from_environment()
    source = source or source_from_environment()
    lock = merge_locks([Path(path) for path in locks])
    folder = Path(tempfile.mkdtemp(prefix="wordbrush-", dir=work_from_environment()))
    try:
        with workspace(folder, source, params, lock, remote) as repo:
            own_key = require_key(repo, stage, key)
            try:
                _reproduce(repo, stage)
                _push(repo, stage, own_key)
            except storage_errors() as error:
                raise WordbrushError(
                    f"the stage {stage} did not finish, with the remote {remote.url}: "
                    f"{reasons(error)}"
                ) from None
            text = (folder / LOCK).read_text(encoding="utf-8")
            yield StageRun(stage, text, _pointers(repo, stage), _metrics(repo, stage), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_key(repo: Repo, stage: str, key: str | None) -> str:
    """The stage's key here. Raises WordbrushError where it is not the one that is asked for."""
    try:
        keys = stage_keys(repo)
    except dvc.exceptions.DvcException as error:
        raise WordbrushError(
            f"dvc.yaml with these parameters is not readable: {reasons(error)}"
        ) from error
    if stage not in keys:
        raise WordbrushError(f"the stage {stage!r} is not in dvc.yaml; it has {', '.join(keys)}.")
    if key is not None and keys[stage] != key:
        raise WordbrushError(
            f"the code or parameters of {stage} here are not those that the pipeline was compiled "
            f"from (key {keys[stage][:12]}, wanted {key[:12]}): use the image of that commit, or "
            "compile again."
        )
    return keys[stage]


def _reproduce(repo: Repo, stage: str) -> None:
    """Fetch the stage's inputs, then run it or fetch its outputs."""
    if inputs := _inputs(repo, stage):  # DVC fetches no output below a folder that is read whole
        repo.pull(targets=inputs)
    repo.reproduce(stage, single_item=True, pull=True)


def _push(repo: Repo, stage: str, key: str) -> None:
    """Push what the stage wrote, heal what the remote lost of it, and record its lock."""
    repo.push(targets=[stage], run_cache=True)
    incomplete = [one for one in _pointers(repo, stage) if not is_whole(repo, one.md5)]
    if incomplete:
        # DVC believes that a folder's files are there where its listing is; without it, it pushes
        odb = remote_objects(repo)
        for pointer in incomplete:
            odb.fs.rm(odb.oid_to_path(pointer.md5))
        repo.push(targets=[stage])
    record_lock(repo, key, (Path(repo.root_dir) / LOCK).read_bytes())


def _inputs(repo: Repo, stage: str) -> list[str]:
    """The outputs of other stages that a stage reads."""
    reads = [Path(dep.def_path) for dep in repo.stage.collect(stage)[0].deps]
    made = [
        Path(out.def_path)
        for other in repo.index.stages
        if other.addressing != stage
        for out in other.outs
    ]
    return [
        out.as_posix() for out in made if any(out == path or path in out.parents for path in reads)
    ]


def _pointers(repo: Repo, stage: str) -> tuple[Pointer, ...]:
    odb = remote_objects(repo)
    outs = sorted(repo.stage.collect(stage)[0].outs, key=lambda out: out.def_path)
    return tuple(
        Pointer(
            out.def_path,
            out.hash_info.value,
            out.meta.size or 0,
            odb.fs.unstrip_protocol(odb.oid_to_path(out.hash_info.value)),
        )
        for out in outs
    )


def _metrics(repo: Repo, stage: str) -> dict[str, float]:
    """The numbers of the stage's metrics files, nested names joined by dots."""
    numbers: dict[str, float] = {}
    for out in repo.stage.collect(stage)[0].outs:
        if out.metric:
            numbers |= flatten(read_json(Path(repo.root_dir) / out.def_path, dict[str, Any]))
    return numbers


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """{"a": {"b": 1}} -> {"a.b": 1}; only numbers are kept."""
    flat: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[f"{prefix}{name}"] = value
    return flat
