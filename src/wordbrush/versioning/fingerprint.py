"""What a stage's result depends on, as one hash.

It covers parameters, code and data as dvc.yaml names them, and the version of PyTorch.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from wordbrush.errors import WordbrushError
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.yaml import read_yaml


def fingerprint(stage: str, mining: str | None, root: Path = Path(".")) -> str:
    """The hash under which a stage's checkpoints are kept. `root` holds dvc.yaml and params.yaml.

    Raises WordbrushError: dvc.yaml has no such stage, or a dependency is missing.
    """
    from torch import __version__ as torch_version

    stages = read_yaml(root / "dvc.yaml").get("stages", {})
    if stage not in stages:
        raise WordbrushError(f"{root / 'dvc.yaml'} has no stage {stage!r}.")
    values = read_yaml(root / PARAMS)
    parameters = chosen(values, stages[stage]["params"])
    filled = {"${item.mining}": mining or "", "${collection}": values.get("collection") or ""}
    named = []
    for dep in stages[stage]["deps"]:
        for field, value in filled.items():
            dep = dep.replace(field, value)
        named.append(dep)
    content = [
        stage,
        mining,
        parameters,
        {name: digest(root / name) for name in named},
        torch_version,
    ]
    return combined(content)


def chosen(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The parameters with these dotted names."""
    return {name: reduce(getitem, name.split("."), values) for name in names}


def combined(content: Any) -> str:
    """The hash of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def digest(path: Path) -> str:
    """The hash of a file, or of a folder's names and contents."""
    if not path.exists():
        raise WordbrushError(
            f"{path} is missing, but dvc.yaml names it. "
            "Run the stages before it (dvc repro), or fetch it (dvc pull)."
        )
    below = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [one for one in below if one.is_file() and "__pycache__" not in one.parts]
    total = hashlib.sha256()
    for one in files:
        with one.open("rb") as content:
            own = hashlib.file_digest(content, "sha256").digest()
        total.update(f"{one.relative_to(path)}\0".encode() + own)
    return total.hexdigest()
