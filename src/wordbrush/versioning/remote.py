"""`wordbrush remote`: a place for DVC's objects, tried out before it becomes the default."""

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from wordbrush.errors import WordbrushError
from wordbrush.storage.addresses import open_store
from wordbrush.storage.buckets import BucketStore, bucket_and_name, bucket_client
from wordbrush.storage.objects import Store
from wordbrush.versioning.configuration import REMOTE, configure
from wordbrush.versioning.environment import remote_address
from wordbrush.versioning.integrity import repository

# Of DVC's gs:// remotes; none of them is a secret.
OPTIONS = ("projectname", "endpointurl", "allow_anonymous_login")


def set_remote(root: Path, place: str, options: Sequence[str] = ()) -> None:
    """Make `place` the default remote of the DVC repository in `root`, and say so.

    options: settings of the remote, each as `NAME=VALUE`.
    Raises WordbrushError, and changes nothing, where the place cannot be read and written.
    """
    settings, place = read_options(options), remote_address(place)
    with repository(root) as repo:
        try_out(open_remote(place, settings))
        before = repo.config["core"].get("remote")
        was = repo.config["remote"].get(before, {}).get("url")
        bucket = "://" in place
        url = place if bucket or Path(place).is_absolute() else os.path.relpath(place, repo.dvc_dir)
        configure(repo, {"url": url, "verify": True, **settings})
        print(
            f"{place} can be read and written. It is the default DVC remote now "
            f"(`{REMOTE}` in .dvc/config, verify true"
            f"{f'; it was {was}' if was and was != place else ''}).\n"
            "Next: dvc push --run-cache, and commit .dvc/config"
        )
        if (other := repo.config["core"]["remote"]) != REMOTE:
            raise WordbrushError(
                f"a file beside .dvc/config makes {other} the default all the same: see "
                "`dvc config --show-origin core.remote`."
            )


def read_options(options: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE as a dictionary. Raises WordbrushError for another name or form."""
    pairs = [option.partition("=")[::2] for option in options]
    for name, value in pairs:
        if name not in OPTIONS or not value:
            raise WordbrushError(
                f"--option {name}={value} is unknown; there are {', '.join(OPTIONS)}, "
                "each as NAME=VALUE."
            )
    return dict(pairs)


def open_remote(place: str, settings: dict[str, str]) -> Store:
    """The place as DVC will reach it, by the same settings."""
    if not settings:
        return open_store(place)
    if not place.startswith("gs://"):
        raise WordbrushError(f"--option is for gs://, and {place} is a folder.")
    client = bucket_client(
        settings.get("projectname"),
        settings.get("endpointurl"),
        anonymous=settings.get("allow_anonymous_login", "false").lower() == "true",
    )
    return BucketStore(*bucket_and_name(place), client=client)


def try_out(store: Store) -> None:
    """Write, read and delete one small object."""
    name, content = f"wordbrush/trial-{uuid4().hex}", b"wordbrush"
    store.write(name, content)
    try:
        found = store.read(name)
    finally:
        store.delete(name)
    if found != content:
        raise WordbrushError(f"{store.address} does not give back what was written to it.")
