"""What made a model: the version of the package, the hash of its code, and the commit."""

from importlib import metadata
from pathlib import Path

import wordbrush
from wordbrush.storage.layout import PARAMS
from wordbrush.versioning.fingerprint import digest
from wordbrush.versioning.git import described_head


def origin(root: Path) -> dict[str, str]:
    """Each by its name, as model cards give them; the commit where `root` is in a git repository.

    params.yaml is exported as it is, so it may differ from the commit's.
    """
    made = {
        "package": f"wordbrush {metadata.version('wordbrush')}",
        "hash of its code": digest(Path(wordbrush.__file__).parent),
    }
    commit = described_head(root, aside=[PARAMS])
    return made | ({"commit": commit} if commit else {})
