"""`wordbrush import`: an archive at gs:// or https:// becomes a folder, whole or not at all."""

import json
import re
import shutil
from pathlib import Path
from uuid import uuid4

from wordbrush.errors import Stopped, WordbrushError
from wordbrush.scenes import clevr
from wordbrush.storage.archives import BadArchive, unpack
from wordbrush.storage.downloads import digest, download, open_source
from wordbrush.storage.files import require_new, whole_directory

BESIDE = ("__MACOSX", ".DS_Store")  # what a Mac leaves in archives


def import_archive(address: str, target: Path, sha256: str | None = None) -> None:
    """Download, check and unpack an archive, and say what it holds.

    What was downloaded stays beside the target until the target is complete.
    Raises WordbrushError: the target exists, the source cannot be read, its hash differs, the
    archive is bad, or there is no space.
    """
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise WordbrushError(f"--sha256 {sha256!r} is no sha256: 64 hexadecimal digits are needed.")
    require_new(target)
    source = open_source(address)
    kept = target.parent / f".{target.name}.download"
    try:
        archive = download(source, kept, sha256.lower() if sha256 else None)
        if not sha256 and not address.startswith("gs://"):
            print(
                f"The archive's sha256 is {digest(archive)}; "
                "nothing was there to compare it with (--sha256)."
            )
        with whole_directory(target) as folder:
            unpack(archive, folder / (scratch := uuid4().hex), source.address)
            lift(folder / scratch)
    except BadArchive:
        shutil.rmtree(kept)
        raise
    except Stopped as stop:
        raise Stopped(f"{stop.reason.partition(';')[0]}; called again, it resumes") from None
    shutil.rmtree(kept)
    describe(target)


def lift(folder: Path) -> None:
    """Move what was unpacked one level up.

    Two levels where all lies in one folder, as in CLEVR_v1.0.zip.
    """
    for name in BESIDE:
        shutil.rmtree(folder / name, ignore_errors=True)
    found = list(folder.iterdir())
    root = found[0] if len(found) == 1 and found[0].is_dir() else folder
    for one in root.iterdir():
        one.rename(folder.parent / one.name)
    shutil.rmtree(folder)


def describe(target: Path) -> None:
    """Say what was imported; a CLEVR folder is checked first.

    Raises WordbrushError: pictures are missing that its scenes name.
    """
    if not (target / "images").is_dir() or not (target / "scenes").is_dir():
        print(f"{target} holds {sum(path.is_file() for path in target.rglob('*'))} files.")
        return
    try:
        scenes = clevr.check(target)
    except WordbrushError as error:
        print(f"{target} is there, but is no CLEVR folder for scenes.clevr_path: {error}")
        return
    missing = sum(
        not (target / "images/train" / scene["image_filename"]).is_file() for scene in scenes
    )
    if missing:
        raise WordbrushError(
            f"{target} is there, but lacks {missing} of the {len(scenes)} pictures that its scenes "
            "name."
        )
    print(
        f"{target} is a CLEVR folder with {len(scenes)} training pictures. "
        "To draw like it, set in params.yaml, under scenes:\n"
        f"  source: clevr\n  clevr_path: {json.dumps(str(target))}"
    )
