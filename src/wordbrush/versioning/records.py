"""What the remote knows of finished stages: the lock of each, by its key, and whether it is whole.

Beside DVC's objects lie `wordbrush/locks/KEY.lock`, the lock that the stage with this key left, and
`KEY.lock.mark`, which changes whenever the stage's outputs are found lost.
"""

import json
from pathlib import Path
from uuid import uuid4

from dvc.repo import Repo
from dvc_data.hashfile.db import HashFileDB
from ruamel.yaml import YAML

from wordbrush.versioning.listings import require_inside


def remote_objects(repo: Repo) -> HashFileDB:
    """DVC's store of objects in the remote."""
    return repo.cloud.get_remote_odb()


def record_lock(repo: Repo, key: str, lock: bytes) -> None:
    """Keep the lock of the stage with this key, of itself and all stages before it."""
    _write(repo, _lock_path(repo, key), lock)


def recorded_lock(repo: Repo, key: str) -> str | None:
    """The lock that the stage with this key left; None where it never ran."""
    filesystem, path = remote_objects(repo).fs, _lock_path(repo, key)
    return filesystem.read_text(path, encoding="utf-8") if filesystem.exists(path) else None


def whole_lock(repo: Repo, key: str) -> str | None:
    """The lock that the stage with this key left; None also where outputs in it are not whole."""
    text = recorded_lock(repo, key)
    entries = YAML(typ="safe").load(text)["stages"] if text else {}
    outs = [out for entry in entries.values() for out in entry.get("outs", [])]
    return text if all(is_whole(repo, out["md5"]) for out in outs) else None


def is_whole(repo: Repo, md5: str) -> bool:
    """Whether the remote has an object and, for a folder, all that it lists."""
    odb = remote_objects(repo)
    if not odb.fs.exists(odb.oid_to_path(md5)):
        return False
    if not md5.endswith(".dir"):
        return True
    with odb.fs.open(odb.oid_to_path(md5), "r", encoding="utf-8") as content:
        listing = json.load(content)
    for entry in listing:
        require_inside(entry["relpath"])
    return all(odb.fs.exists(odb.oid_to_path(entry["md5"])) for entry in listing)


def lost(repo: Repo, keys: dict[str, str]) -> list[str]:
    """The stages, of these with their keys, whose outputs are not whole in the remote."""

    def whole(address: str, key: str) -> bool:
        text = recorded_lock(repo, key)
        entries = YAML(typ="safe").load(text)["stages"] if text else {}
        outs = entries.get(address, {}).get("outs", [])
        return bool(outs) and all(is_whole(repo, out["md5"]) for out in outs)

    return [address for address, key in keys.items() if not whole(address, key)]


def marks(repo: Repo, keys: dict[str, str]) -> dict[str, str]:
    """A mark for every stage that changes when its outputs are found lost, or were never there.

    A cache that knows nothing of the remote is right as long as the mark is part of its key.
    """
    gone = set(lost(repo, keys))
    filesystem = remote_objects(repo).fs
    found: dict[str, str] = {}
    for address, key in keys.items():
        path = f"{_lock_path(repo, key)}.mark"
        if address in gone or not filesystem.exists(path):
            _write(repo, path, uuid4().hex.encode())
        found[address] = filesystem.read_text(path, encoding="utf-8")
    return found


def _lock_path(repo: Repo, key: str) -> str:
    odb = remote_objects(repo)
    root = Path(odb.path).parent.parent.as_posix()  # above DVC's files/md5
    return odb.fs.join(root, "wordbrush/locks", f"{key}.lock")


def _write(repo: Repo, path: str, content: bytes) -> None:
    """Write one small file beside the remote's objects."""
    filesystem = remote_objects(repo).fs
    filesystem.makedirs(filesystem.parent(path), exist_ok=True)
    filesystem.fs.pipe_file(path, content)
