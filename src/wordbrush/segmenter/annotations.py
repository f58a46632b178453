"""What the segmenter sees in each sample, as a table: parses.parquet. For evaluation only."""

from pathlib import Path

import pyarrow as pa

from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import whole_directory
from wordbrush.storage.tables import read_table, write_table

OBJECT = pa.struct(
    [
        *((name, pa.string()) for name in ATTRIBUTES),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("area", pa.int64()),
        ("confidence", pa.float64()),
        ("certainty", pa.float64()),
    ]
)
SCHEMA = pa.schema([("sample", pa.int64()), ("objects", pa.list_(OBJECT))])
NAME = "parses.parquet"


def write_annotations(folder: Path, parsed: list[list[dict]]) -> None:
    """Objects of every sample, as scenes.segmenter.parse gives them."""
    with whole_directory(folder) as scratch:
        write_table(
            scratch / NAME,
            [{"sample": number, "objects": objects} for number, objects in enumerate(parsed)],
            SCHEMA,
        )


def read_annotations(folder: Path) -> list[list[dict]]:
    """The reverse."""
    return [row["objects"] for row in read_table(folder / NAME, SCHEMA)]
