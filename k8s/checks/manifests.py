"""An overlay as the objects that kubectl would apply."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from wordbrush.errors import WordbrushError

SETTINGS = "settings.env"  # what an overlay must know of a project; git ignores it


@dataclass(frozen=True)
class Manifest:
    """One object, with the fields that checks ask for most."""

    data: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.data["kind"]

    @property
    def name(self) -> str:
        return self.data["metadata"]["name"]

    @property
    def namespace(self) -> str | None:
        return self.data["metadata"].get("namespace")

    @property
    def spec(self) -> dict[str, Any]:
        return self.data.get("spec") or {}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def build(overlay: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send.

    Raises WordbrushError: kubectl cannot build it, or nobody filled in the settings.
    """
    _require_settings(overlay)
    try:
        built = subprocess.run(
            ["kubectl", "kustomize", str(overlay)],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError:
        raise WordbrushError(
            "kubectl is missing: install kubectl 1.27 or newer (Debian: kubernetes-client)."
        ) from None
    if built.returncode != 0:
        raise WordbrushError(f"{overlay} does not build: {reason(built.stderr)}")
    return [Manifest(data) for data in YAML(typ="safe").load_all(built.stdout) if data]


def _require_settings(overlay: Path) -> None:
    """An overlay whose settings have an example has settings, with every key of the example."""
    settings, example = overlay / SETTINGS, overlay / f"{SETTINGS}.example"
    if not example.is_file():
        return
    if not settings.is_file():
        raise WordbrushError(f"{settings} is missing: copy {example} and fill it in.")
    if lacking := ", ".join(sorted(_keys(example) - _keys(settings))):
        raise WordbrushError(f"{settings} lacks {lacking}: {example.name} says what belongs there.")


def _keys(settings: Path) -> set[str]:
    return set(re.findall(r"^(\w[\w-]*)=", settings.read_text(encoding="utf-8"), re.MULTILINE))


def reason(complaint: str) -> str:
    """The innermost of kubectl's nested complaints: its last file, and the error there."""
    text = " ".join(complaint.split()).removeprefix("error: ")
    # some builds of kubectl write their errors as log lines
    logged = re.search(r' err=(".*")$', text)
    text = (
        json.loads(logged[1])
        if logged
        else text.rpartition(" err=< ")[2].removesuffix(" >") or text
    )
    text = text.partition("': must build at directory")[0]  # it then tries the file as a folder
    innermost = re.search(r".*'([^']*)' ?: (.*)", text)
    if not innermost:
        return f"{text}."
    file, what = innermost.groups()
    return f"{file}: {what.removeprefix(f'lstat {file}: ')}."


def fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value below a value with the names that lead to it; list positions have none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from fields(inner, (*path, str(name)))
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, path)
    else:
        yield path, value


def pod_template(manifest: Manifest) -> dict[str, Any] | None:
    """The pods that an object makes: {metadata, spec}."""
    if manifest.kind == "Pod":
        return manifest.data
    if manifest.kind == "CronJob":
        return manifest.spec["jobTemplate"]["spec"]["template"]
    return (
        manifest.spec.get("template")
        if manifest.kind in ("Deployment", "StatefulSet", "DaemonSet", "Job")
        else None
    )


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
