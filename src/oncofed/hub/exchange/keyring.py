"""The hub's own keys: the current one, and rotated ones that some node may still have pinned.

keys/hub.key            the current key, base64url, mode 0600
keys/hub.key.next       exists only while a rotation is under way
keys/retired/*.key      earlier keys; replies to nodes that pinned them are signed with them until the file is removed
"""

import os
from pathlib import Path

from oncofed.contracts.errors import BadInput, Corrupt
from oncofed.contracts.exchange import KeyRotation
from oncofed.trust.keys import SigningKey, decode, encode, rotate


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner can read; it is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    passing = path.with_name(path.name + ".tmp")
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    passing.replace(path)


class Keyring:
    """Keys of one data directory; notices when another process has rotated them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "hub.key"
        self._stamp = -1
        self._current: SigningKey | None = None
        self._retired: dict[str, SigningKey] = {}

    @property
    def current(self) -> SigningKey:
        """The key that signs; ``BadInput(hub-not-initialised)`` if there is none."""
        try:
            stamp = self._path.stat().st_mtime_ns
        except FileNotFoundError as error:
            raise BadInput("hub-not-initialised", f"{self._path} is missing") from error
        if self._current is None or stamp != self._stamp:
            self._current = _load(self._path)
            retired = (_load(path) for path in sorted((self._directory / "retired").glob("*.key")))
            self._retired = {key.public: key for key in retired}
            self._stamp = stamp
        return self._current

    def signer(self, pinned: str) -> SigningKey:
        """The key whose signature a node can check that pinned ``pinned`` ("" for: not said)."""
        current = self.current
        return self._retired.get(pinned, current) if pinned != current.public else current

    def create(self) -> SigningKey:
        """Make the first key; the present one if there is one."""
        if not self._path.exists():
            write_secret(self._path, encode(SigningKey.generate().to_bytes()))
        return self.current

    def prepare(self) -> KeyRotation:
        """Make the next key and the old key's word for it. A rotation that was broken off is taken up again."""
        following = self._path.with_suffix(".key.next")
        if not following.exists():
            write_secret(following, encode(SigningKey.generate().to_bytes()))
        return rotate(self.current, _load(following).public)

    def complete(self, rotation: KeyRotation) -> None:
        """Let the next key sign from now on; to be called when the rotation is stored. Doing it twice is harmless."""
        following = self._path.with_suffix(".key.next")
        if self.current.public != rotation.old or not following.exists():
            return
        write_secret(self._directory / "retired" / f"{rotation.old}.key", encode(self.current.to_bytes()))
        following.replace(self._path)


def _load(path: Path) -> SigningKey:
    try:
        return SigningKey.from_bytes(decode(path.read_text("ascii").strip()))
    except ValueError as error:
        raise Corrupt("key-invalid", f"{path.name} is not a key") from error
