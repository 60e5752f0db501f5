"""How the workers of a preparation get at the node's pseudonyms: each reads the key where the node keeps it."""

import functools
from collections.abc import Callable
from pathlib import Path

from oncofed.cli.node_load import settings_of
from oncofed.node import identity
from oncofed.trust.pseudonyms import Pseudonyms


def pseudonyms_of(keys: Path) -> Pseudonyms:
    """The pseudonyms of the node whose keys stand in a directory."""
    return identity.read(keys).pseudonyms


def key_of(data_dir: Path | None) -> Callable[[], Pseudonyms]:
    """What a recipe carries: the way to the key, not the key."""
    keys = settings_of(data_dir).keys
    identity.read(keys)  # a missing or exposed key is told here, not by a worker
    return functools.partial(pseudonyms_of, keys)
