"""Who the node is: its signing key, its secret, and the hub it is enrolled at. Files under ``keys/``, mode 0600."""

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from oncofed.contracts.base import PublicKey, Short, Slug, Utc, Wire
from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.files import write_durably
from oncofed.trust.keys import SigningKey, decode, encode
from oncofed.trust.pseudonyms import Pseudonyms

_KEY, _SECRET, _ENROLMENT = "node.key", "secret", "hub.json"


class HubIdentity(Wire):
    """The hub this node is enrolled at; ``hub_key`` is pinned and changes only by a rotation that it signed."""

    node_id: Slug
    hub_url: Short
    hub_key: PublicKey
    enrolled_at: Utc


@dataclass(frozen=True)
class Identity:
    """The node's own key and secret. The secret never leaves; what it keys is derived per purpose."""

    key: SigningKey
    secret: bytes

    @property
    def noise_secret(self) -> bytes:
        """Keys the noise of counts and cubes."""
        return hmac.digest(self.secret, b"oncofed-node/1/noise", "sha256")

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The pseudonyms of everything that is loaded here; they key the digests of releases, too."""
        return Pseudonyms(hmac.digest(self.secret, b"oncofed-node/1/pseudonyms", "sha256"))

    def __repr__(self) -> str:
        return f"Identity({self.key!r})"


def create(keys: Path) -> Identity:
    """Make key and secret under ``keys``; ``Refused(node-exists)`` if there are any."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (keys / _KEY).exists():
        raise Refused("node-exists")
    identity = Identity(SigningKey.generate(), secrets.token_bytes(32))
    write_durably(keys / _SECRET, encode(identity.secret).encode() + b"\n", mode=0o600)
    write_durably(keys / _KEY, encode(identity.key.to_bytes()).encode() + b"\n", mode=0o600)
    return identity


def read(keys: Path) -> Identity:
    """Key and secret; ``Refused(keys-exposed)`` if others can read them, ``Corrupt(key-invalid)`` if damaged."""
    if exposed(keys):
        raise Refused("keys-exposed", f"others can read {exposed(keys)[0]}")
    try:
        key = SigningKey.from_bytes(decode((keys / _KEY).read_text().strip()))
        return Identity(key, decode((keys / _SECRET).read_text().strip()))
    except FileNotFoundError as error:
        raise BadInput("node-missing", f"{error.filename} is missing") from error
    except ValueError as error:
        raise Corrupt("key-invalid", f"a file in {keys} is damaged") from error


def exposed(keys: Path) -> list[Path]:
    """Key files that others than their owner may read or write."""
    return [path for path in (keys / _KEY, keys / _SECRET) if path.exists() and path.stat().st_mode & 0o077]


def pin(keys: Path, hub: HubIdentity) -> None:
    """Store the hub's identity; it is on the disk when this returns."""
    write_durably(keys / _ENROLMENT, hub.canonical_bytes() + b"\n", mode=0o600)


def pinned(keys: Path) -> HubIdentity | None:
    """The hub this node is enrolled at, or None; ``Corrupt(key-invalid)`` if the file is damaged."""
    try:
        return HubIdentity.model_validate_json((keys / _ENROLMENT).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise Corrupt("key-invalid", f"{keys / _ENROLMENT} is damaged") from error


def enrolled(keys: Path) -> HubIdentity:
    """The hub this node is enrolled at; ``Refused(node-not-enrolled)``."""
    hub = pinned(keys)
    if hub is None:
        raise Refused("node-not-enrolled")
    return hub


def umask() -> None:
    """From here on this process makes no file that others can read."""
    os.umask(0o077)
