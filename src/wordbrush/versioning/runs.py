"""The bridge to DVC: one stage in a fresh workspace, its inputs fetched by hash, its outputs kept in the remote.

A stage that anyone ever ran with the same code, parameters and inputs is fetched, not run: DVC's run-cache travels with the data,
so laptop and cluster share one cache. Nothing here knows Kubeflow.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired
from uuid import uuid4

import dvc.exceptions
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from typing_extensions import TypedDict

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import read_yaml
from wordbrush.versioning.fingerprint import chosen, combined, digest
from wordbrush.versioning.listings import guard, require_inside

LOCK = "dvc.lock"
CODE = ("dvc.yaml", ".dvcignore", "src")  # what a workspace takes from the source
NOT_CODE = ("__pycache__", "*.pyc", "*.egg-info")
REMOTE = "wordbrush"


class Output(TypedDict):
    """An output in a lock, as far as it is read here."""

    path: str
    md5: NotRequired[str]


class StageEntry(TypedDict):
    """A stage in a lock, likewise."""

    outs: NotRequired[list[Output]]


@dataclass(frozen=True)
class Storage:
    """Where artifacts live. `cache` may be shared by the tasks of one machine."""

    remote: str
    options: dict[str, str] = field(default_factory=dict)
    cache: Path | None = None

    @staticmethod
    def from_environment() -> "Storage":
        """WORDBRUSH_REMOTE: a folder or gs://bucket/prefix; WORDBRUSH_REMOTE_OPTIONS: more settings of the DVC remote, as JSON;
        WORDBRUSH_CACHE: DVC's cache folder."""
        remote = os.environ.get("WORDBRUSH_REMOTE")
        if not remote:
            raise WordbrushError(
                "WORDBRUSH_REMOTE is not set: name the DVC remote, a folder or gs://bucket/prefix."
            )
        text = os.environ.get("WORDBRUSH_REMOTE_OPTIONS") or "{}"
        try:
            options = json.loads(text)
        except json.JSONDecodeError as error:
            raise WordbrushError(
                f"WORDBRUSH_REMOTE_OPTIONS is not JSON ({error}); "
                'an example: {"projectname": "p"}.'
            ) from None
        cache = os.environ.get("WORDBRUSH_CACHE")
        return Storage(remote, options, Path(cache) if cache else None)


def source_from_environment() -> Path:
    """WORDBRUSH_SOURCE: the folder with dvc.yaml and src; else the current one."""
    return Path(os.environ.get("WORDBRUSH_SOURCE", "."))


@dataclass(frozen=True)
class Pointer:
    """One output of a stage: its path, its hash, its size in bytes, and where the remote keeps it."""

    path: str
    md5: str
    size: int
    uri: str


@dataclass(frozen=True)
class StageRun:
    """What a finished stage leaves: the lock of itself and all before it, pointers to its outputs, its numbers, its folder."""

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
    storage: Storage | None = None,
    source: Path | None = None,
) -> Iterator[StageRun]:
    """Run one stage of dvc.yaml, such as `train-gan` or `random-edits@hard`, or fetch it; yields while its workspace exists.

    params: the text of params.yaml. locks: the lock files of the stages it reads. key: what `stage_keys` gave where the pipeline
    was compiled; other code here is then an error. source: the folder with dvc.yaml and src (WORDBRUSH_SOURCE, or this one).

    Raises WordbrushError: conflicting locks, other code, no remote, lost or damaged inputs, a stage that fails; nothing is then
    pushed.
    """
    storage = storage or Storage.from_environment()
    source = source or source_from_environment()
    lock = merge_locks([Path(path) for path in locks])
    folder = Path(tempfile.mkdtemp(prefix="wordbrush-", dir=os.environ.get("WORDBRUSH_WORK")))
    try:
        with workspace(folder, source, params, lock, storage) as repo:
            _reproduce(repo, stage, _require_key(repo, stage, key), storage)
            lock_text = (folder / LOCK).read_text(encoding="utf-8")
            yield StageRun(stage, lock_text, _pointers(repo, stage), _metrics(repo, stage), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def merge_locks(paths: Sequence[Path]) -> dict[str, Any]:
    """One lock of many. Two that disagree about a stage are an error: they come from different runs."""
    merged: dict[str, Any] = {"schema": "2.0", "stages": {}}
    origin: dict[str, Path] = {}
    for path in paths:
        for name, entry in read_lock(path)["stages"].items():
            known = merged["stages"].setdefault(name, entry)
            if known != entry:
                fields = sorted(key for key in {*known, *entry} if known.get(key) != entry.get(key))
                raise WordbrushError(
                    f"the locks {origin[name]} and {path} disagree about the stage {name} "
                    f"({', '.join(fields)}): they come from different runs. Start the run anew."
                )
            origin.setdefault(name, path)
    return merged


def read_lock(path: Path) -> dict[str, Any]:
    """A dvc.lock as plain dictionaries."""
    try:
        lock = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WordbrushError(
            f"{path} is missing: the stage before did not leave its lock."
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise WordbrushError(
            f"{path} is not a readable dvc.lock ({str(error).splitlines()[0]})."
        ) from None
    if not isinstance(lock, dict) or lock.get("schema") != "2.0":
        raise WordbrushError(f"{path} is not a dvc.lock: it needs `schema: '2.0'` and `stages`.")
    for entry in validated(
        dict[str, StageEntry], lock.get("stages"), f"{path} is not a dvc.lock"
    ).values():
        for out in entry.get("outs", []):
            require_inside(out["path"])
    return lock


def write_lock(path: Path, lock: dict[str, Any]) -> None:
    writer = YAML()
    writer.default_flow_style = False
    with path.open("w", encoding="utf-8") as out:
        writer.dump(lock, out)


@contextmanager
def workspace(
    folder: Path, source: Path, params: str, lock: dict[str, Any], storage: Storage
) -> Iterator[Repo]:
    """A DVC repository without git in `folder`: the code of `source`, these parameters, this lock, this remote."""
    guard()
    if not (source / "dvc.yaml").is_file():
        raise WordbrushError(
            f"{source.resolve()} holds no dvc.yaml: set WORDBRUSH_SOURCE to the folder with dvc.yaml and src."
        )
    for name in CODE:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns(*NOT_CODE))
        elif (source / name).is_file():
            shutil.copy2(source / name, folder / name)
    (folder / PARAMS).write_text(params, encoding="utf-8")
    write_lock(folder / LOCK, lock)
    logging.getLogger("dvc.repo.init").setLevel(logging.WARNING)
    Repo.init(str(folder), no_scm=True).close()
    before = Path.cwd()
    os.chdir(folder)  # DVC reads targets relative to it
    try:
        with Repo(".") as repo, repo.config.edit() as config:
            config["core"] |= {"remote": REMOTE, "analytics": False}
            config["remote"][REMOTE] = {
                "url": _absolute(storage.remote, before),
                "verify": True,
                **storage.options,
            }
            if storage.cache:
                config["cache"]["dir"] = str((before / storage.cache).resolve())
        with Repo(".") as repo:
            yield repo
    finally:
        os.chdir(before)


@contextmanager
def scratch_workspace(source: Path, params: str, storage: Storage) -> Iterator[Repo]:
    """A workspace that only looks: at the graph, its keys, or the remote."""
    with (
        tempfile.TemporaryDirectory() as folder,
        workspace(Path(folder), source, params, merge_locks([]), storage) as repo,
    ):
        try:
            yield repo
        except _storage_faults() as error:
            raise WordbrushError(
                f"the remote {storage.remote} cannot be looked at: {_reasons(error)}"
            ) from error


@contextmanager
def fetched(
    source: Path, params: str, lock: Path, storage: Storage, paths: Sequence[str]
) -> Iterator[Layout]:
    """A folder with these outputs of a finished run, while it is needed. Raises WordbrushError where one is lost or damaged."""
    with tempfile.TemporaryDirectory() as folder:
        with workspace(Path(folder), source, params, merge_locks([lock]), storage) as repo:
            try:
                repo.pull(targets=list(paths))
            except _storage_faults() as error:
                raise WordbrushError(
                    f"{', '.join(paths)} cannot be fetched from {storage.remote}: {_reasons(error)}"
                ) from error
        yield Layout(Path(folder))


def _absolute(remote: str, base: Path) -> str:
    return remote if "://" in remote else str((base / remote).resolve())


def _reproduce(repo: Repo, stage: str, key: str, storage: Storage) -> None:
    """Run or fetch the stage, push what it wrote, and note under its key where that is."""
    try:
        if inputs := _inputs(
            repo, stage
        ):  # DVC itself does not pull what lies in a folder that is read as a whole
            repo.pull(targets=inputs)
        repo.reproduce(stage, single_item=True, pull=True)
        repo.push(targets=[stage], run_cache=True)
        if damaged := [
            pointer for pointer in _pointers(repo, stage) if not _complete(repo, pointer.md5)
        ]:
            for pointer in damaged:  # DVC takes a folder's objects for present where its list is: without the list it pushes all
                _odb(repo).fs.rm(_odb(repo).oid_to_path(pointer.md5))
            repo.push(targets=[stage])
        _write(repo, _index(repo, key), (Path(repo.root_dir) / LOCK).read_bytes())
    except _storage_faults() as error:
        raise WordbrushError(
            f"the stage {stage} did not finish, with the remote {storage.remote}: {_reasons(error)}"
        ) from None


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


def _odb(repo: Repo):
    return repo.cloud.get_remote_odb()


def _index(repo: Repo, key: str) -> str:
    """Where the remote keeps the lock of the stage with this key."""
    return _odb(repo).fs.join(
        Path(_odb(repo).path).parent.parent.as_posix(), "wordbrush/locks", f"{key}.lock"
    )


def _write(repo: Repo, path: str, content: bytes) -> None:
    """One small file beside the remote's objects."""
    filesystem = _odb(repo).fs
    filesystem.makedirs(filesystem.parent(path), exist_ok=True)
    filesystem.fs.pipe_file(path, content)


def _complete(repo: Repo, md5: str) -> bool:
    """Whether the remote has an object and, for a folder, all that it lists."""
    odb = _odb(repo)
    if not odb.fs.exists(odb.oid_to_path(md5)):
        return False
    if not md5.endswith(".dir"):
        return True
    with odb.fs.open(odb.oid_to_path(md5), "r", encoding="utf-8") as content:
        listing = json.load(content)
    for entry in listing:
        require_inside(entry["relpath"])
    return all(odb.fs.exists(odb.oid_to_path(entry["md5"])) for entry in listing)


def recorded_lock(repo: Repo, key: str) -> str | None:
    """The lock that the stage with this key left in the remote, of itself and all before it; None where it never ran."""
    path = _index(repo, key)
    return _odb(repo).fs.read_text(path, encoding="utf-8") if _odb(repo).fs.exists(path) else None


def lost(repo: Repo, keys: dict[str, str]) -> list[str]:
    """The stages whose outputs are not, or no longer, whole in the remote."""

    def whole(stage: str, key: str) -> bool:
        text = recorded_lock(repo, key)
        outs = YAML(typ="safe").load(text)["stages"].get(stage, {}).get("outs", []) if text else []
        return bool(outs) and all(_complete(repo, out["md5"]) for out in outs)

    return [stage for stage, key in keys.items() if not whole(stage, key)]


def marks(repo: Repo, keys: dict[str, str]) -> dict[str, str]:
    """A mark for every stage, kept in the remote, that changes when the stage's outputs are found lost (or were never there).

    A cache that knows nothing of the remote is right as long as the mark is part of its key.
    """
    gone, found = set(lost(repo, keys)), {}
    for stage, key in keys.items():
        filesystem, path = _odb(repo).fs, _index(repo, key) + ".mark"
        if stage in gone or not filesystem.exists(path):
            _write(repo, path, uuid4().hex.encode())
        found[stage] = filesystem.read_text(path, encoding="utf-8")
    return found


def _storage_faults() -> tuple[type[Exception], ...]:
    """What DVC and its file systems raise; of gcsfs, one kind that is no OSError."""
    gcsfs = sys.modules.get("gcsfs.retry")
    return (dvc.exceptions.DvcException, OSError, *((gcsfs.HttpError,) if gcsfs else ()))


def _reasons(error: BaseException) -> str:
    """An exception and what caused it, in one line."""
    reasons: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        reason = " ".join(str(cause).split())
        if reason and reason not in reasons:
            reasons.append(reason)
        cause = cause.__cause__
    return "; ".join(reasons)


def _require_key(repo: Repo, stage: str, key: str | None) -> str:
    """The stage's key here, which must be the one that was asked for."""
    try:
        keys = stage_keys(repo)
    except dvc.exceptions.DvcException as error:
        raise WordbrushError(
            f"dvc.yaml with these parameters is not readable: {_reasons(error)}"
        ) from error
    if stage not in keys:
        raise WordbrushError(f"the stage {stage!r} is not in dvc.yaml; it has {', '.join(keys)}.")
    if key is not None and keys[stage] != key:
        raise WordbrushError(
            f"the code or parameters of {stage} here are not those that the pipeline was compiled from "
            f"(key {keys[stage][:12]}, wanted {key[:12]}): use the image of that commit, or compile again."
        )
    return keys[stage]


def edges(repo: Repo) -> dict[str, list[str]]:
    """Each stage and those that it reads from, both in the order of dvc.yaml."""
    graph = repo.index.graph
    order = {stage: number for number, stage in enumerate(repo.index.stages)}
    return {
        stage.addressing: [
            before.addressing for before in sorted(graph.successors(stage), key=order.__getitem__)
        ]
        for stage in order
    }


def stage_keys(repo: Repo) -> dict[str, str]:
    """A key for every stage: the hash of its command, parameters, code, and the keys of those that it reads from.

    It says what would be computed, not where: a pipeline adds its image.
    """
    upstream = edges(repo)
    stages = {stage.addressing: stage for stage in repo.index.stages}
    produced = {Path(out.def_path) for stage in stages.values() for out in stage.outs}
    values = read_yaml(
        Path(repo.root_dir) / PARAMS
    )  # once: DVC would parse the file for every stage
    digests: dict[str, str] = {}
    keys: dict[str, str] = {}

    def code(path: str) -> str | None:
        made = any(out == Path(path) or Path(path) in out.parents for out in produced)
        return None if made else digests.setdefault(path, digest(Path(repo.root_dir) / path))

    def key(name: str) -> str:
        if name not in keys:
            stage = stages[name]
            parameters = chosen(
                values,
                [name for dep in stage.deps if hasattr(dep, "read_params") for name in dep.params],
            )
            sources = {
                dep.def_path: code(dep.def_path)
                for dep in stage.deps
                if not hasattr(dep, "read_params")
            }
            content = [stage.cmd, parameters, sources, [key(before) for before in upstream[name]]]
            keys[name] = combined(content)
        return keys[name]

    return {name: key(name) for name in stages}


def _pointers(repo: Repo, stage: str) -> tuple[Pointer, ...]:
    odb = _odb(repo)
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
