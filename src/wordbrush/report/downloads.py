"""Outputs as folders that people can download from the KFP UI: weights, a sample, and a card.

DVC's remote has every byte of an output, but under hashes. This copy is for people: files that
other programs open, in a bounded size. No stage reads it.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from wordbrush.data.recordings import SCHEMA
from wordbrush.report.about import About, Output
from wordbrush.report.page import render
from wordbrush.storage.files import open_array, write_csv
from wordbrush.storage.layout import Layout
from wordbrush.storage.tables import read_table

CARD = "README.md"
KNOWN = (".safetensors", ".json", ".csv", ".html")  # endings of what is copied as it is
LIMIT = 100_000_000  # bytes that are copied: larger outputs are a matter for DVC
PICTURES, SOUNDS = 24, 12  # of a sample
TOLD = ["sample", "image", "text", "voice"]  # of a caption
LOADERS = {
    "generator": "wordbrush.gan.sampling.load_generator",
    "segmenter": "wordbrush.segmenter.network.load_segmenter",
    "encoders": "wordbrush.davenet.encoders.load_encoders",
    "senses": "wordbrush.senses.networks.load_senses",
}
"""What reads a model's folder, by the first folder below data/."""


def write_download(folder: Path, output: Output, layout: Layout, about: About) -> None:
    """Write an output of a stage for people, with a card that says where it comes from.

    output: its path is below `layout`.
    """
    source, kind = layout.root / output.path, Path(output.path).parts[1]
    files = sorted(path for path in source.rglob("*") if path.is_file())
    copied = copy_known(files, source, folder)
    sampled = SAMPLES[kind](source, folder) if kind in SAMPLES else ""
    text = render(
        "download.md.j2",
        {
            "output": output,
            "about": about,
            "copied": copied,
            "left": [one.relative_to(source).as_posix() for one in files if one not in copied],
            "source": source,
            "sampled": sampled,
            "loader": LOADERS.get(kind, "").rpartition("."),
        },
        escape=False,
    )
    (folder / CARD).write_text(text, encoding="utf-8")


def copy_known(files: list[Path], source: Path, folder: Path) -> list[Path]:
    """Copy files that other programs open, the smallest first, up to LIMIT; returns which."""
    copied, left = [], LIMIT
    for path in sorted(files, key=lambda one: one.stat().st_size):
        left -= path.stat().st_size if path.suffix in KNOWN else 0
        if path.suffix in KNOWN and left >= 0:
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            copied.append(path)
    return copied


def sample_pictures(source: Path, folder: Path) -> str:
    """The first pictures as PNG, each edit beside its original. Returns what was written."""
    shape = (None, 2, None, None, 3) if source.name == "real_pairs" else (None, None, None, 3)
    images = open_array(source / "images.npy", "uint8", shape)[:PICTURES]
    target = folder / "pictures"
    target.mkdir(parents=True)
    for number, image in enumerate(images):
        both = np.concatenate(list(image), axis=1) if image.ndim == 4 else image
        Image.fromarray(both).save(target / f"{number:05d}.png")
    return f"pictures/: the first {len(images)} as PNG"


def sample_speech(source: Path, folder: Path) -> str:
    """The first captions as FLAC, with their text in captions.csv. Returns what was written."""
    rows = read_table(min(source.glob("*.parquet")), SCHEMA, ["audio", *TOLD])[:SOUNDS]
    target = folder / "sounds"
    target.mkdir(parents=True)
    for row in rows:
        (target / f"{row['sample']:05d}.flac").write_bytes(row["audio"]["bytes"])
    write_csv(folder / "captions.csv", TOLD, [[row[name] for name in TOLD] for row in rows])
    return f"sounds/: the first {len(rows)} captions as FLAC; captions.csv: their text"


SAMPLES: dict[str, Callable[[Path, Path], str]] = {
    "scenes": sample_pictures,
    "real_pairs": sample_pictures,
    "samples": sample_pictures,
    "speech": sample_speech,
    "twin_speech": sample_speech,
}
"""How a data set is sampled, by the first folder below data/."""
