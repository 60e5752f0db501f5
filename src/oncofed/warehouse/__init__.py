"""The common data model in DuckDB: loading, immutable releases, and exact counts that never leave the node as such."""

from oncofed.warehouse.loading import Loading, load, load_with
from oncofed.warehouse.shards import ExactSize, Release
from oncofed.warehouse.store import Warehouse

__all__ = ["ExactSize", "Loading", "Release", "Warehouse", "load", "load_with"]
