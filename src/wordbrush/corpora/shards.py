"""The manifest: a row an utterance, in Parquet shards that Hugging Face `datasets` opens.

    speech/train-00000-of-00003.parquet …      an utterance a row, its sound as a FLAC file
    pictures/train-00000-of-00001.parquet …    a picture a row, as a PNG or JPEG file
    README.md                                  names the splits, for `datasets`
    collection.json                            what it was made of, and how

A picture is stored once, however many descriptions it has. Columns of Parquet are read one by one,
so who reads all but the sound reads a manifest. No file is named after an id, which may thus be any
text.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from typing_extensions import TypedDict

from wordbrush.data.recordings import FILE, WORD
from wordbrush.data.splits import CAPTIONED
from wordbrush.errors import FileFault, WordbrushError, advising
from wordbrush.storage.files import read_json
from wordbrush.storage.tables import read_table, table_length

FORMAT = 1
SPEECH, PICTURES = "speech", "pictures"
ABOUT, CARD = "collection.json", "README.md"
REMAKE = "Import it again: wordbrush data."
SPEECH_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("audio", FILE),
        ("image", pa.int64()),
        ("split", pa.string()),
        ("subset", pa.string()),
        ("speaker", pa.string()),
        ("language", pa.string()),
        ("text", pa.string()),
        ("words", pa.list_(WORD)),
        ("seconds", pa.float64()),
    ]
)
PICTURE_SCHEMA = pa.schema(
    [
        ("image", pa.int64()),
        ("picture", FILE),
        ("split", pa.string()),
        ("name", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
    ]
)
SCHEMAS = {SPEECH: SPEECH_SCHEMA, PICTURES: PICTURE_SCHEMA}


class About(TypedDict):
    """collection.json. reader: of the source. plan: the hash of all that was imported."""

    format: int
    reader: str
    plan: str
    utterances: int
    pictures: int
    hours: float
    side: int
    background: str


def shard_name(kind: str, split: str, number: int, count: int) -> str:
    """As the hub names shards: `datasets` finds the splits by it."""
    return f"{kind}/{split}-{number:05d}-of-{count:05d}.parquet"


def card(kinds: Sequence[str], splits: Sequence[str]) -> str:
    """README.md: `datasets.load_dataset(folder, "speech")` finds the splits there."""
    lines = ["---", "configs:"]
    for kind in kinds:
        lines += [f"- config_name: {kind}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {kind}/{split}-*.parquet"]
    lines += [
        "---",
        "Pictures and their spoken descriptions, imported by `wordbrush data`. The column `image`",
        "of `speech` is that of `pictures`. Rights are those of the source.",
    ]
    return "\n".join(lines) + "\n"


def read_about(folder: Path) -> About:
    """What an imported collection is. Raises FileFault where it is none, or of a newer format."""
    about = read_json(folder / ABOUT, About, REMAKE)
    if about["format"] > FORMAT:
        raise WordbrushError(f"{folder / ABOUT} has a newer format: upgrade wordbrush.")
    return about


def read_rows(
    folder: Path, kind: str, columns: Sequence[str] | None = None, split: str | None = None
) -> Iterator[dict]:
    """The rows of `speech` or `pictures`, of all splits or one, shard by shard, in order.

    columns: what is read of them; without `audio` or `picture` this is quick.
    Raises FileFault where a shard is missing or damaged.
    """
    for path in shard_paths(folder, kind, split):
        with advising(REMAKE):
            rows = read_table(path, SCHEMAS[kind], columns)
        yield from rows


def count_rows(path: Path) -> int:
    """How many rows a shard has. Raises FileFault where it is damaged."""
    with advising(REMAKE):
        return table_length(path)


def shard_paths(folder: Path, kind: str, split: str | None = None) -> Iterator[Path]:
    """The shards of `speech` or `pictures`, of all splits or one, in the order of their rows.

    Raises FileFault where one is missing.
    """
    for each in CAPTIONED if split is None else (split,):
        paths = sorted((folder / kind).glob(f"{each}-*.parquet"))
        if paths and (count := int(paths[0].stem.rpartition("-")[2])) != len(paths):
            raise FileFault(f"{folder / kind}: {len(paths)} of {count} shards are there.", REMAKE)
        yield from paths
