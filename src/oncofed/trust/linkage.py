"""The linkage table: which pseudonym is whose, sealed so that only the holder of the node's secret can read it.

Pseudonyms need no table. One is made only where the data holder's policy allows to lead back to a person (an incidental
finding, a withdrawn consent), and it never leaves the node. AES-256-GCM (NIST SP 800-38D) under a key derived from the
secret for this purpose alone.
"""

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oncofed.contracts.errors import Corrupt
from oncofed.trust.pseudonyms import Pseudonyms

_MARK = b"oncofed-linkage/1\n"
_NONCE = 12


class Link(NamedTuple):
    """One patient: their ID, who issued it, and the pseudonym it became."""

    patient_id: str
    issuer: str
    pseudonym: str


def sealed(links: Iterable[Link], pseudonyms: Pseudonyms) -> bytes:
    """The table as bytes that say nothing without the secret; the same links give other bytes each time."""
    rows = json.dumps(sorted(set(links)), ensure_ascii=False).encode()
    nonce = os.urandom(_NONCE)
    return _MARK + nonce + AESGCM(pseudonyms.linkage_key).encrypt(nonce, rows, _MARK)


def opened(table: bytes, pseudonyms: Pseudonyms) -> tuple[Link, ...]:
    """The links of a sealed table; ``Corrupt`` with ``linkage-sealed`` for other bytes or another secret."""
    nonce, content = table[len(_MARK) : len(_MARK) + _NONCE], table[len(_MARK) + _NONCE :]
    if not table.startswith(_MARK) or len(nonce) < _NONCE:
        raise Corrupt("linkage-sealed")
    try:
        rows = AESGCM(pseudonyms.linkage_key).decrypt(nonce, content, _MARK)
    except InvalidTag:
        raise Corrupt("linkage-sealed") from None
    return tuple(Link(*row) for row in json.loads(rows))
