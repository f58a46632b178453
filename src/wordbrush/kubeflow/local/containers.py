"""Containers of a local run, confined as pods are: read-only, without root, rights or network."""

import os
from contextlib import closing
from pathlib import Path

from kfp import local

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.pools import USER

SCRATCH = {"/tmp": "mode=1777"}  # in memory
SHARED_MEMORY = "1g"  # for the workers of render-scenes and synthesize-captions


def docker_runner(image: str, folder: Path, settings: dict[str, str]) -> local.DockerRunner:
    """kfp's runner for an image that this machine has.

    folder: all that a container sees of this machine. settings: its environment variables.
    Raises WordbrushError: no Docker engine answers, or it has no such image.
    """
    try:
        import docker
        from docker.types import Mount
    except ImportError:
        raise WordbrushError(
            "--docker needs the Python package docker: run `make setup`."
        ) from None
    try:
        with closing(docker.from_env()) as client:
            client.images.get(image)
    except docker.errors.ImageNotFound:
        raise WordbrushError(
            f"there is no image {image!r} here: build it (make image) or pull it first."
        ) from None
    except docker.errors.DockerException as error:
        raise WordbrushError(
            f"no Docker engine answers ({error}): start one, or leave --docker out."
        ) from None
    for name in ("outputs", "work"):
        (folder / name).mkdir(exist_ok=True)
    return local.DockerRunner(
        user=_user_of(folder),
        read_only=True,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        tmpfs=SCRATCH,
        shm_size=SHARED_MEMORY,
        mounts=[Mount(str(folder), str(folder), type="bind")],
        environment=settings,
    )


def _user_of(folder: Path) -> str:
    """The user who runs this; for root, the image's own user, to whom the folder is given."""
    if os.geteuid():
        return f"{os.geteuid()}:{os.getegid()}"
    for path in (folder, *folder.rglob("*")):
        # a container may have left links that lead out of the folder
        os.chown(path, USER, USER, follow_symlinks=False)
    return f"{USER}:{USER}"
