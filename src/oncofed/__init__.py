"""oncofed: search, share and study cancer images across hospitals without moving them.

``oncofed.connect(url).count("modality = MR and body part = breast", by="sex")`` asks all hospitals: a DataFrame.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oncofed.contracts.build import not_, same_series, same_study, where
    from oncofed.contracts.query import Query
    from oncofed.sdk import Hub, connect

__all__ = [
    "Hub",
    "Query",
    "__version__",
    "connect",
    "not_",
    "same_series",
    "same_study",
    "where",
]

__version__ = "0.1.0"

_HOMES = {
    "connect": "oncofed.sdk",
    "Hub": "oncofed.sdk",
    "Query": "oncofed.contracts.query",
    "where": "oncofed.contracts.build",
    "same_series": "oncofed.contracts.build",
    "same_study": "oncofed.contracts.build",
    "not_": "oncofed.contracts.build",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then (PEP 562): ``import oncofed`` stays light on a node."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'oncofed' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
