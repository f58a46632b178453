"""What the environment says of a run: where artifacts are kept, and where the code is."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from wordbrush.errors import WordbrushError


@dataclass(frozen=True)
class RemoteConfig:
    """The DVC remote that keeps artifacts, and the cache beside it.

    url: a folder or gs://bucket/prefix. options: more settings of the remote, as DVC names them.
    cache: DVC's cache folder, which the tasks of one machine may share; None: one for each run.
    """

    url: str
    options: dict[str, str] = field(default_factory=dict)
    cache: Path | None = None

    @staticmethod
    def from_environment(url: str | None = None) -> "RemoteConfig":
        """From WORDBRUSH_REMOTE, WORDBRUSH_REMOTE_OPTIONS (JSON) and WORDBRUSH_CACHE.

        url: the remote, in place of WORDBRUSH_REMOTE.
        Raises WordbrushError: no remote is named, or the options are not JSON.
        """
        url = url or os.environ.get("WORDBRUSH_REMOTE")
        if not url:
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
        return RemoteConfig(url, options, Path(cache) if cache else None)


def source_from_environment() -> Path:
    """The folder with dvc.yaml and src: WORDBRUSH_SOURCE, or the current one."""
    return Path(os.environ.get("WORDBRUSH_SOURCE", "."))
