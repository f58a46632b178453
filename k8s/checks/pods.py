"""The pods that our manifests start: pinned images, no root, bounded."""

import re
from collections.abc import Iterator
from typing import Any

from k8s.checks.manifests import Manifest, containers, pod_template
from k8s.checks.schemas import quantity

PINNED = re.compile(r"^[^@\s]+(:v?[0-9][\w.-]*|@sha256:[0-9a-f]{64})$")


def images(objects: list[Manifest]) -> Iterator[str]:
    """Images without version or digest."""
    for one, _, container in _containers(objects):
        if not PINNED.match(container.get("image", "")):
            yield (
                f"{one}: the image {container.get('image')!r} of {container['name']} names no "
                "version; write NAME:VERSION or NAME@sha256:DIGEST."
            )


def privileges(objects: list[Manifest]) -> Iterator[str]:
    """Containers that could be root, gain privileges or write to their image."""
    for one, pod, container in _containers(objects):
        both = {**pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
        wrong = [
            name
            for name, fine in {
                "runAsNonRoot: true": both.get("runAsNonRoot") is True,
                "runAsUser other than 0": both.get("runAsUser") != 0,
                "allowPrivilegeEscalation: false": both.get("allowPrivilegeEscalation") is False,
                "readOnlyRootFilesystem: true": both.get("readOnlyRootFilesystem") is True,
                "capabilities: {drop: [ALL]}": both.get("capabilities") == {"drop": ["ALL"]},
                "seccompProfile: {type: RuntimeDefault}": both.get("seccompProfile")
                == {"type": "RuntimeDefault"},
                "no privileged": not both.get("privileged"),
            }.items()
            if not fine
        ]
        if wrong:
            yield f"{one}: the securityContext of {container['name']} needs {', '.join(wrong)}."
    for one, pod in _pods(objects):
        shared = [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod["spec"].get(name)]
        shared += [
            f"the hostPath {volume['name']}"
            for volume in pod["spec"].get("volumes", [])
            if "hostPath" in volume
        ]
        if shared:
            yield f"{one}: {', '.join(shared)} opens the node to the pod; leave it out."


def bounds(objects: list[Manifest]) -> Iterator[str]:
    """Containers without requests and limits, or that ask for more than they may have."""
    for one, _, container in _containers(objects):
        resources = container.get("resources", {})
        for name in ("cpu", "memory"):
            asked, allowed = (
                quantity(resources.get(part, {}).get(name)) for part in ("requests", "limits")
            )
            if asked is None or allowed is None:
                yield f"{one}: {container['name']} needs a request and a limit of {name}."
            elif asked > allowed:
                yield f"{one}: {container['name']} requests more {name} than its limit."


def _pods(objects: list[Manifest]) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    for one in objects:
        pod = pod_template(one)
        if pod:
            yield one, pod


def _containers(
    objects: list[Manifest],
) -> Iterator[tuple[Manifest, dict[str, Any], dict[str, Any]]]:
    for one, pod in _pods(objects):
        for container in containers(pod):
            yield one, pod, container
