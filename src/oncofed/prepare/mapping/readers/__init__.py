"""Readers: each turns a source into relations of text in DuckDB, rows numbered, NULL where nothing is recorded."""

from oncofed.prepare.mapping.readers.database import TIMEOUT_S, Database
from oncofed.prepare.mapping.readers.opening import Opened, open_source

__all__ = ["TIMEOUT_S", "Database", "Opened", "open_source"]
