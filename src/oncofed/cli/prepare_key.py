"""How the workers of a preparation get at the node's pseudonyms: each reads the key where the node keeps it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oncofed.cli.node_load import settings_of
from oncofed.node import identity
from oncofed.trust.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class NodeKey:
    """The way to the key of the node whose keys stand in ``directory``; equal to its copy in a worker, so that what a
    recipe amounts to is made once there.
    """

    directory: Path

    def __call__(self) -> Pseudonyms:
        """The node's pseudonyms."""
        return identity.read(self.directory).pseudonyms


def key_of(data_dir: Path | None) -> Callable[[], Pseudonyms]:
    """What a recipe carries: the way to the key, not the key."""
    keys = settings_of(data_dir).keys
    identity.read(keys)  # a missing or exposed key is told here, not by a worker
    return NodeKey(keys)
