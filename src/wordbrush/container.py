"""`wordbrush doctor --image`: whether the container that it runs in can run the stages."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import wordbrush
from wordbrush.doctor import packages
from wordbrush.process import variable
from wordbrush.versioning.fingerprint import digest
from wordbrush.versioning.workspace import CODE

GPU = Path("/dev/nvidiactl")  # exists where a container was given a GPU
REBUILD = "build the image again"


def examine(source: Path) -> bool:
    """Print what is good and what is wrong, a line each. Returns whether all is good.

    source: the folder with dvc.yaml and src.
    """
    wrong = [
        *packages(source / "requirements.lock", REBUILD),
        *code(source),
        *user(),
        *folders(),
        *libraries(),
        *device(),
    ]
    for sentence in wrong:
        print(f"wrong   {sentence}")
    return not wrong


def code(source: Path) -> Iterator[str]:
    """Whether the source is the installed package.

    The hashes of the source make the keys of stages, but the installed package runs.
    """
    missing = [name for name in CODE if not (source / name).exists()]
    if missing:
        yield f"{source} holds no {', '.join(missing)}: {REBUILD}, or set WORDBRUSH_SOURCE."
    elif digest(source / "src/wordbrush") != digest(Path(wordbrush.__file__).parent):
        yield f"{source / 'src'} is not the code that is installed: {REBUILD}."
    else:
        print(f"good    source: {source} holds the code that is installed")


def user() -> Iterator[str]:
    """Whether the user is another than root."""
    if os.geteuid() == 0:
        yield "the user is root: run as the image's own user (10001), or any other."
    else:
        print(f"good    user: {os.geteuid()}, not root")


def folders() -> Iterator[str]:
    """Whether the folders for scratch files can be written; all else may be read-only."""
    writable = []
    for folder in sorted({"/tmp", variable("WORDBRUSH_WORK") or "/tmp"}):
        try:
            tempfile.TemporaryFile(dir=folder).close()
            writable.append(folder)
        except OSError as error:
            yield (
                f"{folder} cannot be written ({error.strerror}): "
                "mount a folder there that this user may write."
            )
    if writable:
        print(f"good    folders: {', '.join(writable)} can be written")


def libraries() -> Iterator[str]:
    """Whether the libraries load that bring binaries of their own."""
    loaded = []
    for name, load in (("espeak-ng", _espeak), ("Mitsuba", _mitsuba), ("PyTorch", _torch)):
        if fault := _fault(load):
            yield f"{name} does not load ({fault}): {REBUILD}."
        else:
            loaded.append(name)
    if loaded:
        print(f"good    libraries: {', '.join(loaded)} load")


def device() -> Iterator[str]:
    """Whether PyTorch computes, and uses the GPU if there is one."""
    if fault := _fault(_compute):
        yield f"PyTorch does not compute ({fault}): look at the node's driver, or {REBUILD}."
        return
    from wordbrush.training.compute import device as chosen

    if GPU.exists() and chosen().type == "cpu":
        yield (
            "there is a GPU that PyTorch does not use: "
            "its driver is too old, or this is the image for CPUs."
        )
    else:
        print(f"good    device: {chosen()} computes")


def _fault(attempt: Callable[[], object]) -> str | None:
    """What goes wrong first, whatever it is, in one line; None where nothing does."""
    try:
        attempt()
    except Exception as error:
        first: BaseException = error
        while first.__context__:  # a package may fail while it handles its first error
            first = first.__context__
        return " ".join(str(first).split())
    return None


def _espeak() -> None:
    from wordbrush.captions.voices import engine

    engine()


def _mitsuba() -> None:
    from wordbrush.scenes.render import mitsuba

    mitsuba()


def _torch() -> None:
    import torchaudio  # noqa: F401  which loads torch


def _compute() -> None:
    import torch

    from wordbrush.training.compute import device as chosen

    ones = torch.ones(8, 8, device=chosen())
    if (ones @ ones).sum().item() != 8**3:
        raise RuntimeError("a product of matrices is wrong")
