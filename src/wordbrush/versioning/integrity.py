"""Whether artifacts are, byte for byte, what dvc.lock says, in the folder, the cache and the remote; and putting them right.

DVC trusts time stamps and, of a remote, names; here every byte is read. Like runtime/versioning, this knows DVC.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import dvc.exceptions
from dvc.repo import Repo

from wordbrush.errors import WordbrushError
from wordbrush.versioning.listings import guard, require_inside
from wordbrush.versioning.runs import LOCK, read_lock


@dataclass(frozen=True)
class Artifact:
    """An output as dvc.lock has it; a folder's hash, that of its listing, ends with .dir."""

    stage: str
    path: str
    md5: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with an artifact in one of the three places."""

    artifact: Artifact
    place: str  # "folder", "cache" or "remote"
    what: str  # such as: images.npy has another content


@contextmanager
def repository(root: Path) -> Iterator[Repo]:
    """The DVC repository in `root`. Raises WordbrushError where there is none, or where cache or remote cannot be read."""
    guard()
    try:
        with Repo(str(root)) as repo:
            yield repo
    except dvc.exceptions.NotDvcRepoError:
        raise WordbrushError(
            f"{root.resolve()} is no DVC repository: run in the project's folder, or `dvc init`."
        ) from None
    except (dvc.exceptions.DvcException, OSError) as error:
        raise WordbrushError(
            f"the artifacts cannot be looked at: {' '.join(str(error).split())}"
        ) from error


def artifacts(root: Path) -> list[Artifact]:
    """All outputs of the lock in `root`; none where nothing ever ran."""
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

    def __init__(self, odb):
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
        wrong = ((name, one, self.fault(one)) for name, one in self.members(md5).items())
        return next(
            (
                f"the object {one}{f' ({name})' if name else ''} {fault}"
                for name, one, fault in wrong
                if fault
            ),
            None,
        )

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
    return hashlib.file_digest(content, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def object_stores(repo: Repo) -> tuple[ObjectStore, ObjectStore | None]:
    """The cache, and the default remote if there is one."""
    remote = ObjectStore(repo.cloud.get_remote_odb()) if repo.config["core"].get("remote") else None
    return ObjectStore(repo.cache.local), remote


def faults(repo: Repo, report: Callable[[str], None] = lambda _: None) -> Iterator[Fault]:
    """All that is wrong with the artifacts of this repository; `report` hears what is looked at."""
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


def _damage_in_folder(root: Path, artifact: Artifact, *places: ObjectStore | None) -> str | None:
    path = root / artifact.path
    if not path.exists():
        return "it is missing"
    if not artifact.md5.endswith(".dir"):
        with path.open("rb") as content:
            return None if _md5(content) == artifact.md5 else "it has another content"
    listing = next(
        (found for store in places if store and (found := store.listing(artifact.md5))), None
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
                return f"{name} has another content"
    extra = sorted(set(found) - set(listing))
    return f"{extra[0]} does not belong there" if extra else None


def repair(repo: Repo, found: list[Fault]) -> None:
    """Drop what is damaged, and bring it back from where it is whole; the next `dvc repro` makes what is whole nowhere."""
    root = Path(repo.root_dir)
    cache, remote = object_stores(repo)
    paths = sorted({fault.artifact.path for fault in found})
    for fault in found:
        store = {"cache": cache, "remote": remote}.get(fault.place)
        if store:
            store.drop_damaged(fault.artifact.md5)
    whole_here = {fault.artifact.path for fault in found} - {
        fault.artifact.path for fault in found if fault.place == "folder"
    }
    try:
        for path in sorted(whole_here):
            repo.commit(path, force=True)  # the folder's copy is good: back into the cache
        if remote:
            repo.fetch(targets=[path for path in paths if path not in whole_here])
    except dvc.exceptions.DvcException:
        pass  # some are whole nowhere: the next look says which
    for fault in found:
        if fault.place == "folder":
            _remove(root / fault.artifact.path)
    repo.checkout(targets=paths, force=True, allow_missing=True)
    if remote:
        whole = {
            fault.artifact.path: fault.artifact.md5
            for fault in found
            if not cache.damage(fault.artifact.md5)
        }
        for md5 in whole.values():
            if remote.damage(md5):
                remote.drop(
                    md5
                )  # DVC takes a folder's objects for present where its listing is: without it, it pushes all
        try:
            repo.push(targets=list(whole))
        except dvc.exceptions.DvcException as error:
            raise WordbrushError(f"the remote takes no objects: {error}.") from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
