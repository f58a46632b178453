"""Speech in Parquet shards that Hugging Face `datasets` opens, its sound as the bytes of a file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from typing_extensions import TypedDict

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import WordbrushError
from wordbrush.storage.tables import read_table, write_table

FILE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
WORD = pa.struct([("word", pa.string()), ("start", pa.float64()), ("end", pa.float64())])
SCHEMA = pa.schema(
    [
        ("audio", FILE),
        ("sample", pa.int64()),
        ("image", pa.int64()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("words", pa.list_(WORD)),
        ("language", pa.string()),
        ("voice", pa.string()),
        ("rate", pa.int64()),
        ("pitch", pa.int64()),
    ]
)
GROUP_SCHEMA = SCHEMA.append(pa.field("group", pa.string()))  # of voices, in data/test_speech
# Columns that `datasets` must know from bytes. It leaves sound as it is: to decode it, it needs
# torchcodec, and that the libraries of FFmpeg, which no package brings.
MEDIA: dict[str, dict[str, Any]] = {
    "audio": {"sampling_rate": SAMPLE_RATE, "decode": False, "_type": "Audio"},
    "picture": {"_type": "Image"},
}


class SpokenWord(TypedDict):
    """An entry of words.json: a word alone, by this voice, that means this value (P §6.2)."""

    word: str
    attribute: str
    value: str
    voice: str


class ShardWriter:
    """Writes `count` rows of SCHEMA, or GROUP_SCHEMA, as train-00000-of-NNNNN.parquet and so on.

    It holds no more rows than those of a shard.
    """

    def __init__(
        self, folder: Path, count: int, rows_per_shard: int, schema: pa.Schema = SCHEMA
    ) -> None:
        self.folder, self.count, self.rows_per_shard = folder, count, rows_per_shard
        self.schema = described(schema)
        self.shards = -(-count // rows_per_shard)
        self.done = 0
        self.rows: list[dict] = []

    def add(self, row: dict) -> None:
        """The next row."""
        self.rows.append(row)
        self.done += 1
        if len(self.rows) == self.rows_per_shard or self.done == self.count:
            number = (self.done - 1) // self.rows_per_shard
            name = f"train-{number:05d}-of-{self.shards:05d}.parquet"
            write_table(self.folder / name, self.rows, self.schema)
            self.rows = []


def write_shards(
    folder: Path, rows: list[dict], rows_per_shard: int, schema: pa.Schema = SCHEMA
) -> None:
    """Write rows of SCHEMA, or GROUP_SCHEMA, as ShardWriter does."""
    shards = ShardWriter(folder, len(rows), rows_per_shard, schema)
    for row in rows:
        shards.add(row)


def described(schema: pa.Schema) -> pa.Schema:
    """The schema with what `datasets` reads to know its features, MEDIA among them."""
    features = {field.name: MEDIA.get(field.name) or _feature(field.type) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        inner = {field.name: _feature(field.type) for field in kind.value_type}
        return {"feature": inner, "_type": "List"}
    name = {pa.float64(): "float64"}.get(kind, str(kind))
    return {"dtype": name, "_type": "Value"}


def read_shards(folder: Path, columns: list[str] | None = None) -> list[dict]:
    """All rows, in sample order; missing or damaged shards are a WordbrushError."""
    return list(each_row(folder, columns))


def each_row(folder: Path, columns: list[str] | None = None) -> Iterator[dict]:
    """As `read_shards`, of which no more than a shard is held: sound may be larger than memory."""
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise WordbrushError(
            f"{folder} holds no Parquet shards. Run synthesize-captions (dvc repro)."
        )
    for path in paths:
        yield from read_table(path, SCHEMA, columns)
