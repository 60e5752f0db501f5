"""The header index: ``index.parquet``, one row a file, with original identifiers. Node-private, mode 0600."""

import os
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from oncofed.imaging.headers import KEYWORDS
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.run import Run, RunFile, readable

_ROWS = 20_000
SCHEMA = pa.schema(
    [
        ("file", pa.int64()),
        ("place", pa.string()),
        ("size", pa.int64()),
        ("state", pa.string()),
        ("code", pa.string()),
        *((keyword, pa.string()) for keyword in KEYWORDS),
    ]
)


def export(run: Run) -> None:
    """Write the index of all files that have a header; the old one stands until the new one is whole."""
    beside = run.index_file.with_suffix(".new")
    with disk_full_told():
        descriptor = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as stream, pq.ParquetWriter(stream, SCHEMA, compression="zstd") as writer:
            for rows in _groups(run.files(where="h.file IS NOT NULL")):
                writer.write_table(pa.Table.from_pylist([_row(file) for file in rows], SCHEMA))
        os.replace(beside, run.index_file)


def _row(file: RunFile) -> dict[str, object]:
    own = {"file": file.id, "place": readable(file.place), "size": file.size, "state": file.state, "code": file.code}
    return own | dict(file.header)


def _groups(files: Iterator[RunFile]) -> Iterator[list[RunFile]]:
    group: list[RunFile] = []
    for file in files:
        group.append(file)
        if len(group) == _ROWS:
            yield group
            group = []
    yield group
