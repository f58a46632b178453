"""Whether artifacts are, byte for byte, what dvc.lock says: in folder, cache and remote.

DVC trusts time stamps and, of a remote, names. Here every byte is read, and damage is repaired.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import dvc.exceptions
import dvc.scm
from dvc.repo import Repo as Repo  # part of what this module offers
from dvc_data.hashfile.db import HashFileDB

from wordbrush.errors import WordbrushError
from wordbrush.versioning.listings import guard, require_inside
from wordbrush.versioning.locks import LOCK, read_lock


@dataclass(frozen=True)
class Artifact:
    """An output as dvc.lock has it; a folder's hash, that of its listing, ends with .dir."""

    stage: str
    path: str
    md5: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with an artifact in one of the three locations."""

    artifact: Artifact
    location: str  # "folder", "cache" or "remote"
    what: str  # such as: images.npy has other content


@contextmanager
def repository(root: Path) -> Iterator[Repo]:
    """The DVC repository in `root`.

    Raises WordbrushError: there is none, or cache or remote cannot be read.
    """
    guard()
    try:
        with Repo(str(root)) as repo:
            yield repo
    except dvc.exceptions.NotDvcRepoError:
        raise WordbrushError(
            f"{root.resolve()} is no DVC repository: run in the project's folder, or `dvc init`."
        ) from None
    except dvc.scm.SCMError as error:
        raise WordbrushError(
            f"{' '.join(str(error).split())}, as an archive of the project is not: run `git init`, "
            "or use DVC without git: dvc config --local core.no_scm true."
        ) from None
    except (dvc.exceptions.DvcException, OSError) as error:
        raise WordbrushError(
            f"the artifacts cannot be looked at: {' '.join(str(error).split())}"
        ) from error


def artifacts(root: Path) -> list[Artifact]:
    """All outputs that the lock in `root` names; none where nothing ever ran."""
    if not (root / LOCK).is_file():
        return []
    return [
        Artifact(stage, out["path"], out["md5"])
        for stage, entry in read_lock(root / LOCK)["stages"].items()
        for out in entry.get("outs", [])
        if "md5" in out
    ]


class ObjectStore:
    """The objects of a cache or a remote, by their hash."""

    def __init__(self, odb: HashFileDB):
        self.odb = odb

    def fault(self, md5: str) -> str | None:
        """What is wrong with this one object, if anything."""
        path = self.odb.oid_to_path(md5)
        if not self.odb.fs.exists(path):
            return "is missing"
        with self.odb.fs.open(path, "rb") as content:
            return None if _md5(content) == md5.removesuffix(".dir") else "is damaged"

    def listing(self, md5: str) -> dict[str, str] | None:
        """Names and hashes of a folder's files; None where the listing itself is lost."""
        if self.fault(md5):
            return None
        with self.odb.fs.open(self.odb.oid_to_path(md5), "r", encoding="utf-8") as content:
            listing = {child["relpath"]: child["md5"] for child in json.load(content)}
        for name in listing:
            require_inside(name)
        return listing

    def members(self, md5: str) -> dict[str, str]:
        """The object itself and, for a folder, what it lists: names and hashes."""
        return {"": md5, **((self.listing(md5) or {}) if md5.endswith(".dir") else {})}

    def damage(self, md5: str) -> str | None:
        """The first fault of an artifact's objects, in words."""
        for name, one in self.members(md5).items():
            if fault := self.fault(one):
                return f"the object {one}{f' ({name})' if name else ''} {fault}"
        return None

    def drop_damaged(self, md5: str) -> None:
        """Delete those of an artifact's objects that are not what their names say."""
        for one in self.members(md5).values():
            if self.fault(one) == "is damaged":
                self.drop(one)

    def drop(self, md5: str) -> None:
        """Delete one object, if it is there."""
        if self.odb.fs.exists(self.odb.oid_to_path(md5)):
            self.odb.fs.rm(self.odb.oid_to_path(md5))


def _md5(content: BinaryIO) -> str:
    md5 = partial(hashlib.md5, usedforsecurity=False)
    # every binary file has readinto, but typing.BinaryIO does not tell of it
    return hashlib.file_digest(content, md5).hexdigest()  # type: ignore[arg-type]


def object_stores(repo: Repo) -> tuple[ObjectStore, ObjectStore | None]:
    """The cache, and the default remote if there is one."""
    remote = ObjectStore(repo.cloud.get_remote_odb()) if repo.config["core"].get("remote") else None
    return ObjectStore(repo.cache.local), remote


def faults(repo: Repo, report: Callable[[str], None] = lambda _: None) -> Iterator[Fault]:
    """All that is wrong with the artifacts of this repository; `report` is told each path first."""
    root = Path(repo.root_dir)
    cache, remote = object_stores(repo)
    for artifact in artifacts(root):
        report(artifact.path)
        if wrong := cache.damage(artifact.md5):
            yield Fault(artifact, "cache", wrong)
        if wrong := _damage_in_folder(root, artifact, cache, remote):
            yield Fault(artifact, "folder", wrong)
        if remote and (wrong := remote.damage(artifact.md5)):
            yield Fault(artifact, "remote", wrong)


def _damage_in_folder(root: Path, artifact: Artifact, *stores: ObjectStore | None) -> str | None:
    """What is wrong with an artifact in the folder; the stores know what it should hold."""
    path = root / artifact.path
    if not path.exists():
        return "it is missing"
    if not artifact.md5.endswith(".dir"):
        with path.open("rb") as content:
            return None if _md5(content) == artifact.md5 else "it has other content"
    listing = next(
        (listed for store in stores if store and (listed := store.listing(artifact.md5))), None
    )
    if listing is None:
        return "what it held cannot be known: its listing is lost in cache and remote"
    found = {
        one.relative_to(path).as_posix(): one for one in sorted(path.rglob("*")) if one.is_file()
    }
    for name, md5 in listing.items():
        if name not in found:
            return f"{name} is missing"
        with found[name].open("rb") as content:
            if _md5(content) != md5:
                return f"{name} has other content"
    extra = sorted(set(found) - set(listing))
    return f"{extra[0]} does not belong there" if extra else None


def repair(repo: Repo, found: list[Fault]) -> None:
    """Delete what is damaged, and bring it back from where it is whole.

    What is whole nowhere stays away: the next `dvc repro` makes it again.
    Raises WordbrushError: the remote takes no objects.
    """
    cache, remote = object_stores(repo)
    for fault in found:
        if store := {"cache": cache, "remote": remote}.get(fault.location):
            store.drop_damaged(fault.artifact.md5)
    _refill_cache(repo, found, remote is not None)
    paths = sorted({fault.artifact.path for fault in found})
    for fault in found:
        if fault.location == "folder":
            _remove(Path(repo.root_dir) / fault.artifact.path)
    repo.checkout(targets=paths, force=True, allow_missing=True)
    if remote:
        _refill_remote(repo, found, cache, remote)


def _refill_cache(repo: Repo, found: list[Fault], has_remote: bool) -> None:
    """Bring artifacts back into the cache: from the folder where it is good, or from the remote."""
    paths = {fault.artifact.path for fault in found}
    good_here = paths - {fault.artifact.path for fault in found if fault.location == "folder"}
    # DvcException: some artifacts are whole nowhere; the next examination says which
    with suppress(dvc.exceptions.DvcException):
        for path in sorted(good_here):
            repo.commit(path, force=True)
        if has_remote:
            repo.fetch(targets=sorted(paths - good_here))


def _refill_remote(repo: Repo, found: list[Fault], cache: ObjectStore, remote: ObjectStore) -> None:
    """Push those artifacts that are whole in the cache."""
    whole = {
        fault.artifact.path: fault.artifact.md5
        for fault in found
        if not cache.damage(fault.artifact.md5)
    }
    for md5 in whole.values():
        if remote.damage(md5):
            remote.drop(md5)  # DVC believes that a folder is whole where its listing is
    try:
        repo.push(targets=list(whole))
    except dvc.exceptions.DvcException as error:
        raise WordbrushError(f"the remote takes no objects: {error}.") from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
