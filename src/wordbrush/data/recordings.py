"""Speech in Parquet shards that Hugging Face `datasets` opens, its sound as the bytes of a file."""

import json
from pathlib import Path

import pyarrow as pa
from typing_extensions import TypedDict

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import WordbrushError
from wordbrush.storage.tables import read_table, write_table

SCHEMA = pa.schema(
    [
        ("audio", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("sample", pa.int64()),
        ("image", pa.int64()),
        ("split", pa.string()),
        ("text", pa.string()),
        (
            "words",
            pa.list_(
                pa.struct([("word", pa.string()), ("start", pa.float64()), ("end", pa.float64())])
            ),
        ),
        ("language", pa.string()),
        ("voice", pa.string()),
        ("rate", pa.int64()),
        ("pitch", pa.int64()),
    ]
)
GROUP_SCHEMA = SCHEMA.append(pa.field("group", pa.string()))  # of voices, in data/test_speech
# What `datasets` reads to know that the column is sound. It leaves the bytes as they are: to decode
# them, it needs torchcodec, and that the libraries of FFmpeg, which no package brings.
FEATURES = {
    "info": {
        "features": {
            "audio": {"sampling_rate": SAMPLE_RATE, "decode": False, "_type": "Audio"},
            "sample": {"dtype": "int64", "_type": "Value"},
            "image": {"dtype": "int64", "_type": "Value"},
            "split": {"dtype": "string", "_type": "Value"},
            "text": {"dtype": "string", "_type": "Value"},
            "words": {
                "feature": {
                    "word": {"dtype": "string", "_type": "Value"},
                    "start": {"dtype": "float64", "_type": "Value"},
                    "end": {"dtype": "float64", "_type": "Value"},
                },
                "_type": "List",
            },
            "language": {"dtype": "string", "_type": "Value"},
            "voice": {"dtype": "string", "_type": "Value"},
            "rate": {"dtype": "int64", "_type": "Value"},
            "pitch": {"dtype": "int64", "_type": "Value"},
        }
    }
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
        columns = FEATURES["info"]["features"]
        if schema is GROUP_SCHEMA:
            columns = {**columns, "group": {"dtype": "string", "_type": "Value"}}
        about = {"huggingface": json.dumps({"info": {"features": columns}})}
        self.folder, self.count, self.rows_per_shard = folder, count, rows_per_shard
        self.schema = schema.with_metadata(about)
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


def read_shards(folder: Path, columns: list[str] | None = None) -> list[dict]:
    """All rows, in sample order; missing or damaged shards are a WordbrushError."""
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise WordbrushError(
            f"{folder} holds no Parquet shards. Run synthesize-captions (dvc repro)."
        )
    return [row for path in paths for row in read_table(path, SCHEMA, columns)]
