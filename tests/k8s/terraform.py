"""The files of k8s/terraform as values: Terraform's text in, Python's strings and numbers out."""

from functools import cache
from pathlib import Path
from typing import Any

import hcl2

from tests.k8s.overlays import ROOT

FOLDER = ROOT / "k8s/terraform"
ENVIRONMENTS = ("dev", "prod")


def read(path: Path) -> dict[str, Any]:
    """A file, where strings have lost their quotes. Expressions stay text: ${var.zone}."""
    with path.open(encoding="utf-8") as text:
        return _plain(hcl2.load(text))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            _plain(name): _plain(one)
            for name, one in value.items()
            if not name.startswith("__")  # the parser's own notes
        }
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and value[:1] == value[-1:] == '"':
        return value[1:-1]
    return value


@cache
def sources() -> dict[str, dict[str, Any]]:
    """Every .tf file, by name."""
    return {path.name: read(path) for path in sorted(FOLDER.glob("*.tf"))}


def blocks(kind: str) -> dict[str, dict[str, Any]]:
    """All blocks of a kind by their names: `resource` by type.name, `variable` by name."""
    found = {}
    for source in sources().values():
        for block in source.get(kind, []):
            for name, inner in block.items():
                if kind in ("resource", "data"):
                    found |= {f"{name}.{own}": body for own, body in inner.items()}
                else:
                    found[name] = inner
    return found


def local_values() -> dict[str, Any]:
    """The locals of all files."""
    return {
        name: value
        for source in sources().values()
        for block in source.get("locals", [])
        for name, value in block.items()
    }
