"""What the environment says of a run: where artifacts are kept, and where the code is."""

from dataclasses import dataclass, field
from pathlib import Path

from wordbrush.errors import WordbrushError
from wordbrush.process import variable
from wordbrush.storage.buckets import bucket_and_name
from wordbrush.storage.paths import given_address, given_path
from wordbrush.storage.validation import validated_json


@dataclass(frozen=True)
class RemoteConfig:
    """The DVC remote that keeps artifacts, and the cache beside it.

    url: a folder or gs://bucket/prefix. options: more settings of the remote, as DVC names them.
    cache: DVC's cache folder, which the tasks of one machine may share; None: one for each run.
    """

    url: str
    options: dict[str, str | bool | int | float] = field(default_factory=dict)
    cache: Path | None = None

    @staticmethod
    def from_environment(url: str | None = None) -> "RemoteConfig":
        """From WORDBRUSH_REMOTE, WORDBRUSH_REMOTE_OPTIONS (JSON) and WORDBRUSH_CACHE.

        url: the remote, in place of WORDBRUSH_REMOTE.
        Raises WordbrushError: no remote is named, DVC cannot use it, the cache is no place, or the
        options are no JSON of names and values.
        """
        if url is None and (url := variable("WORDBRUSH_REMOTE")) is None:
            raise WordbrushError(
                "WORDBRUSH_REMOTE is not set: name the DVC remote, a folder or gs://bucket/prefix."
            )
        options = validated_json(
            dict[str, str | bool | int | float],
            (variable("WORDBRUSH_REMOTE_OPTIONS") or "{}").encode(errors="backslashreplace"),
            "WORDBRUSH_REMOTE_OPTIONS",
            'An example: {"projectname": "p"}.',
        )
        cache = variable("WORDBRUSH_CACHE")
        return RemoteConfig(remote_address(url), options, given_path(cache) if cache else None)


def remote_address(text: str) -> str:
    """The address of a DVC remote that somebody wrote.

    Raises WordbrushError: it is neither a folder nor in a bucket of Google Cloud Storage.
    """
    place = given_address(text)
    if place.startswith("gs://"):
        bucket_and_name(place)
    elif "://" in place:
        raise WordbrushError(
            f"{place!r} is neither a folder nor gs://bucket/prefix, where a DVC remote can be. "
            "Checkpoints and the registry may also be at s3:// and az://."
        )
    return place


def source_from_environment() -> Path:
    """The folder with dvc.yaml and src: WORDBRUSH_SOURCE, or the current one."""
    return given_path(variable("WORDBRUSH_SOURCE") or ".")


def work_from_environment() -> Path | None:
    """The folder for the workspaces of tasks: WORDBRUSH_WORK; None: where the system has such.

    Raises WordbrushError where it is no folder.
    """
    named = variable("WORDBRUSH_WORK")
    if named is None:
        return None
    folder = given_path(named)
    if not folder.is_dir():
        raise WordbrushError(f"WORDBRUSH_WORK is {named}, which is no folder: make it first.")
    return folder
