"""Tables are read whole or refused, and by pyarrow alone."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wordbrush.errors import FileFault
from wordbrush.storage.tables import read_table, write_table

SCHEMA = pa.schema([("number", pa.int64()), ("words", pa.list_(pa.string()))])
ROWS = [{"number": number, "words": ["a", "b"] * number} for number in range(50)]


@pytest.fixture
def table(tmp_path) -> Path:
    write_table(tmp_path / "table.parquet", ROWS, SCHEMA)
    return tmp_path / "table.parquet"


def test_rows_come_back_whole_or_by_column(table):
    assert read_table(table, SCHEMA) == ROWS
    numbers = [{"number": row["number"]} for row in ROWS]
    assert read_table(table, SCHEMA, ["number"]) == numbers


def test_a_damaged_page_and_other_columns_are_named(table):
    for name, kind in (("letter", pa.int64()), ("number", pa.string())):
        with pytest.raises(FileFault, match=f"the column {name} of type {kind} is missing"):
            read_table(table, pa.schema([(name, kind)]))
    content = bytearray(table.read_bytes())
    column = pq.read_metadata(table).row_group(0).column(0)
    content[column.dictionary_page_offset + column.total_compressed_size - 1] ^= 1
    table.write_bytes(content)
    with pytest.raises(FileFault, match=r"table\.parquet is not a readable Parquet file"):
        read_table(table, SCHEMA)


READ = """
import sys
from pathlib import Path
import pyarrow.parquet as pq
from wordbrush.storage.tables import read_table
print(len(read_table(Path(sys.argv[1]), pq.read_schema(sys.argv[1]))), "pandas" in sys.modules)
"""


def test_reading_does_not_load_pandas(table):
    """It would add half a second to most stages."""
    command = [sys.executable, "-c", READ, str(table)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "50 False\n", done.stderr
