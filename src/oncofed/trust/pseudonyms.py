"""Keyed pseudonyms: the one way in which identifiers of people and DICOM objects change on entering oncofed.

HMAC-SHA-256 (RFC 2104) under a key derived per kind from the node's secret, cut to 128 bits. Without the secret nobody
can recompute or link them; with it, the same identifier always gives the same pseudonym, over all loads of the node.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import TypeVar

_STANDARD_ROOT = "1.2.840.10008."
"""UIDs registered by the DICOM standard itself (PS3.6 annex A): names of kinds, not of anyone's objects."""

_MOST_REMEMBERED = 1 << 14
"""Pseudonyms kept in memory of one kind: the files of a series repeat most of theirs."""

Key = TypeVar("Key")

NO_PATIENT_ISSUER = "oncofed: no Patient ID"
"""The issuer under which the UID of a study without Patient ID stands for its patient."""

_UUID_MASK = (1 << 128) - 1 - ((0xF << 76) | (0x3 << 62))
_UUID_VERSION_8 = (0x8 << 76) | (0x2 << 62)


class _Mac:
    """HMAC-SHA-256 under one key with both key blocks hashed beforehand: a third of the time of ``hmac.digest``."""

    def __init__(self, secret: bytes, kind: bytes) -> None:
        block = hmac.digest(secret, b"oncofed-pseudonym/1/" + kind, "sha256").ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, message: bytes) -> bytes:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


class Pseudonyms:
    """Pseudonyms under one secret of at least 32 bytes. DICOM's padding (spaces, NUL) around a value does not count."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the secret needs at least 32 bytes")
        self._patient = _Mac(secret, b"patient")
        self._uid = _Mac(secret, b"uid")
        self._content = _Mac(secret, b"content")
        self._project = _Mac(secret, b"project")
        self._date = _Mac(secret, b"date")
        self._text = _Mac(secret, b"text")
        self._linkage = _Mac(secret, b"linkage")
        self._uids: dict[str, str] = {}
        self._texts: dict[tuple[str, str], str] = {}

    def for_project(self, name: str) -> "Pseudonyms":
        """Pseudonyms of one project: stable for its name, and without the secret not linkable to those of another."""
        return Pseudonyms(self._project.digest(name.encode()))

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """32 hexadecimal digits for a Patient ID within its issuer; "" stays ""."""
        identifier = patient_id.strip(" \0").encode()
        if not identifier:
            return ""
        authority = issuer.strip(" \0").encode()
        framed = len(authority).to_bytes(4, "big") + authority + identifier
        return self._patient.digest(framed)[:16].hex()

    @property
    def linkage_key(self) -> bytes:
        """32 bytes that seal a linkage table (``trust.linkage``) and nothing else."""
        return self._linkage.digest(b"key")

    def without_patient_id(self, study_uid: str) -> str:
        """The pseudonym of whoever a study without Patient ID is about: each such study is a patient of its own."""
        return self.patient(study_uid, NO_PATIENT_ISSUER)

    def patients(self, patient_ids: Iterable[str], issuer: str = "") -> list[str]:
        """``patient`` of each, in order; each distinct one is computed once."""
        given = list(patient_ids)
        known = {one: self.patient(one, issuer) for one in dict.fromkeys(given)}
        return [known[one] for one in given]

    def uid(self, uid: str) -> str:
        """A UID below 2.25 (PS3.5 B.2, a version 8 UUID of RFC 9562); "" and the standard's own UIDs stay."""
        known = self._uids.get(uid)
        if known is None:
            known = self._remember(self._uids, uid, self.uids((uid,))[0])
        return known

    def uids(self, uids: Iterable[str]) -> list[str]:
        """``uid`` of each, in order; each distinct one is computed once."""
        known: dict[str, str] = {}
        digest, to_number = self._uid.digest, int.from_bytes
        given = list(uids)
        for one in given:
            if one in known:
                continue
            text = one.strip(" \0")
            if not text or text.startswith(_STANDARD_ROOT):
                known[one] = text
                continue
            number = to_number(digest(text.encode())[:16])
            known[one] = "2.25." + str(number & _UUID_MASK | _UUID_VERSION_8)
        return [known[one] for one in given]

    def content(self, message: bytes) -> str:
        """64 hexadecimal digits for the content of a release: publishable, yet no test of a guess about the rows."""
        return self._content.digest(message).hex()

    def own_uid(self, uid: str) -> str:
        """A UID below 2.25 whatever it is: for one below the standard's root that the standard does not know."""
        number = int.from_bytes(self._uid.digest(b"\0" + uid.strip(" \0").encode())[:16])
        return "2.25." + str(number & _UUID_MASK | _UUID_VERSION_8)

    def date_offset(self, patient_key: str, least: int = -3650, greatest: int = -30) -> int:
        """Days by which all dates of one patient move: from ``least`` to ``greatest``, every one as likely, never 0.

        Whole days, not weeks: a kept weekday would cost almost three bits of the shift. Backwards by default, so that
        no date lies in the future. ``patient_key`` is the pseudonym that ``patient`` gives.
        """
        days = greatest - least + 1
        holds_zero = least <= 0 <= greatest
        number = int.from_bytes(self._date.digest(patient_key.encode())[:16]) % (days - holds_zero)
        offset = least + number
        return offset + 1 if holds_zero and offset >= 0 else offset

    def text(self, value: str, kind: str) -> str:
        """16 hexadecimal digits in place of a text (accession number, serial number …); each kind by itself."""
        known = self._texts.get((kind, value))
        if known is None:
            framed = len(kind.encode()).to_bytes(4, "big") + kind.encode() + value.strip(" \0").encode()
            known = self._remember(self._texts, (kind, value), self._text.digest(framed)[:8].hex())
        return known

    @staticmethod
    def _remember(known: dict[Key, str], key: Key, value: str) -> str:
        if len(known) >= _MOST_REMEMBERED:
            known.clear()
        known[key] = value
        return value
