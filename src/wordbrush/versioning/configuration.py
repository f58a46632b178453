"""DVC's configuration, written whole or not at all, in any script.

DVC itself writes ASCII alone, over the old file: a path such as /home/zoé empties it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configobj import ConfigObj, ConfigObjError
from dvc.config import Config, ConfigError
from dvc.repo import Repo

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import whole_file

REMOTE = "wordbrush"  # the name of the remote in DVC's configuration
REMOTE_SECTION = f'remote "{REMOTE}"'


def configure(repo: Repo, remote: Mapping[str, Any], **sections: Mapping[str, Any]) -> None:
    """Make `remote` the default remote in .dvc/config; `repo` knows of it at once.

    remote: the settings of the remote, in place of those that it had. sections: more settings, over
    those that are there. All else in the file stays.
    Raises WordbrushError, and leaves the file as it was, where DVC would not read the same from it.
    """
    file = Path(repo.dvc_dir, Config.CONFIG).resolve()
    document = ConfigObj(str(file), encoding="utf-8", interpolation=False, indent_type="    ")
    document.pop(REMOTE_SECTION, None)
    wanted = {REMOTE_SECTION: remote, **sections}
    wanted["core"] = {**wanted.get("core", {}), "remote": REMOTE}
    for name, settings in wanted.items():
        document.setdefault(name, {}).update(settings)
    with whole_file(file) as scratch:
        try:
            with scratch.open("wb") as out:
                document.write(out)
            found = Config.load_file(str(scratch))
            kept = {**found, REMOTE_SECTION: found["remote"].get(REMOTE, {})}
            Config.validate(found)
        except (ConfigError, ConfigObjError, UnicodeError) as error:
            raise WordbrushError(_refused(remote["url"], str(error))) from None
        for name, settings in wanted.items():
            for key, value in settings.items():
                if kept[name].get(key) != str(value):
                    raise WordbrushError(
                        _refused(remote["url"], f"of {value!r} it reads {kept[name].get(key)!r}")
                    )
    repo.config.load()


def _refused(place: str, reason: str) -> str:
    reason = " ".join(reason.split()).rstrip(".")
    return f"DVC does not take the remote {place}: {reason}; choose another name."
