"""Ed25519 keys (RFC 8032) and the rotation of a key by the one before it.

Keys and signatures are written as base64url without padding (RFC 4648 §5): 43 and 86 characters.
"""

import base64
import binascii
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from oncofed.contracts.errors import Corrupt
from oncofed.contracts.exchange import KeyRotation


def encode(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Bytes of a base64url text without padding; ValueError unless ``text`` is exactly what ``encode`` gives."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


class SigningKey:
    """A private Ed25519 key. ``repr`` never shows it."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = encode(private.public_key().public_bytes_raw())
        """The public key, base64url."""

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key from the operating system's random source."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, raw: bytes) -> "SigningKey":
        """The key of 32 raw bytes; ``Corrupt(key-invalid)`` for any other length."""
        if len(raw) != 32:
            raise Corrupt("key-invalid", f"a private key has 32 bytes, this one {len(raw)}")
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    def to_bytes(self) -> bytes:
        """32 raw bytes, to be stored with mode 0600."""
        return self._private.private_bytes_raw()

    def sign(self, message: bytes) -> str:
        """Signature over ``message``, base64url. Whoever calls prefixes what kind of message it is."""
        return encode(self._private.sign(message))

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public!r})"


def verify(public: str, message: bytes, signature: str) -> bool:
    """Whether ``signature`` over ``message`` is by the holder of ``public``; malformed texts are False."""
    try:
        Ed25519PublicKey.from_public_bytes(decode(public)).verify(decode(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _rotation_message(old: str, new: str) -> bytes:
    return b"oncofed-key-rotation\n" + old.encode() + b"\n" + new.encode()


def rotate(old: SigningKey, new: str) -> KeyRotation:
    """The old key's word that ``new`` (a public key) takes its place."""
    return KeyRotation(old=old.public, new=new, signature=old.sign(_rotation_message(old.public, new)))


def follow_rotations(pinned: str, rotations: Iterable[KeyRotation]) -> str:
    """The newest key that an unbroken chain of rotations leads to from ``pinned`` (itself, if none starts there).

    ``Corrupt(key-rotation-invalid)`` if a link of that chain is not signed by its old key, or it runs in a circle.
    """
    successors = {rotation.old: rotation for rotation in rotations}
    current, seen = pinned, {pinned}
    while current in successors:
        link = successors[current]
        if link.new in seen or not verify(link.old, _rotation_message(link.old, link.new), link.signature):
            raise Corrupt("key-rotation-invalid", f"the rotation to {link.new} is not signed by the key it replaces")
        current = link.new
        seen.add(current)
    return current
