"""Parquet files with checksums, read after a look at their columns."""

from collections.abc import Sequence
from pathlib import Path

from wordbrush.errors import FileFault, optional_packages
from wordbrush.storage.files import require_file

with optional_packages():
    import pyarrow as pa
    import pyarrow.parquet as pq


def write_table(path: Path, rows: Sequence[dict], schema: pa.Schema) -> None:
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def read_table(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> list[dict]:
    """The rows, or some columns of them.

    Raises WordbrushError, which names the file, where it is missing, damaged or of other columns.
    """
    wanted = [schema.field(name) for name in columns or schema.names]
    try:
        # pq.read_table would load pandas, for half a second
        with pq.ParquetFile(require_file(path), page_checksum_verification=True) as file:
            table = file.read(columns=[field.name for field in wanted])
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileFault(f"{path} is not a readable Parquet file ({reason}).") from None
    for field in wanted:
        if (
            field.name not in table.column_names
            or table.schema.field(field.name).type != field.type
        ):
            raise FileFault(f"{path}: the column {field.name} of type {field.type} is missing.")
    return table.to_pylist()


def table_length(path: Path) -> int:
    """How many rows a file has. Raises FileFault where it is missing or damaged."""
    try:
        return pq.read_metadata(require_file(path)).num_rows
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileFault(f"{path} is not a readable Parquet file ({reason}).") from None
