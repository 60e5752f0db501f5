"""Keyed pseudonyms: the one way in which identifiers of people and DICOM objects change on entering oncofed.

HMAC-SHA-256 (RFC 2104) under a key derived per kind from the node's secret, cut to 128 bits. Without the secret nobody
can recompute or link them; with it, the same identifier always gives the same pseudonym, over all loads of the node.
"""

import hmac
from collections.abc import Iterable

_STANDARD_ROOT = "1.2.840.10008."
"""UIDs registered by the DICOM standard itself (PS3.6 annex A): names of kinds, not of anyone's objects."""

_UUID_MASK = ~((0xF << 76) | (0x3 << 62))
_UUID_VERSION_8 = (0x8 << 76) | (0x2 << 62)


class Pseudonyms:
    """Pseudonyms under one secret of at least 32 bytes. DICOM's padding (spaces, NUL) around a value does not count."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the secret needs at least 32 bytes")
        self._patient_key = hmac.digest(secret, b"oncofed-pseudonym/1/patient", "sha256")
        self._uid_key = hmac.digest(secret, b"oncofed-pseudonym/1/uid", "sha256")

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """32 hexadecimal digits for a Patient ID within its issuer; "" stays ""."""
        identifier = patient_id.strip(" \0").encode()
        if not identifier:
            return ""
        authority = issuer.strip(" \0").encode()
        framed = len(authority).to_bytes(4, "big") + authority + identifier
        return hmac.digest(self._patient_key, framed, "sha256")[:16].hex()

    def patients(self, patient_ids: Iterable[str], issuer: str = "") -> list[str]:
        """``patient`` of each, in order; each distinct one is computed once."""
        known: dict[str, str] = {}
        return [known[one] if one in known else known.setdefault(one, self.patient(one, issuer)) for one in patient_ids]

    def uid(self, uid: str) -> str:
        """A UID below 2.25 (PS3.5 B.2, a version 8 UUID of RFC 9562); "" and the standard's own UIDs stay as they are."""
        text = uid.strip(" \0")
        if not text or text.startswith(_STANDARD_ROOT):
            return text
        number = int.from_bytes(hmac.digest(self._uid_key, text.encode(), "sha256")[:16], "big")
        return f"2.25.{number & _UUID_MASK | _UUID_VERSION_8}"

    def uids(self, uids: Iterable[str]) -> list[str]:
        """``uid`` of each, in order; each distinct one is computed once."""
        known: dict[str, str] = {}
        return [known[one] if one in known else known.setdefault(one, self.uid(one)) for one in uids]
