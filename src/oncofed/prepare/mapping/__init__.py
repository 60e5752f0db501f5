"""Clinical data from any source to the common data model, by one small declarative file."""

from oncofed.prepare.mapping.engine import MappingOptions, map_data
from oncofed.prepare.mapping.loading import Loaded, load_mapping, preset_names
from oncofed.prepare.mapping.readers import TIMEOUT_S, Database
from oncofed.prepare.mapping.report import Finding, MappingReport

__all__ = [
    "TIMEOUT_S",
    "Database",
    "Finding",
    "Loaded",
    "MappingOptions",
    "MappingReport",
    "load_mapping",
    "map_data",
    "preset_names",
]
