"""HTTP message signatures (RFC 9421) in one closed profile, with Content-Digest (RFC 9530, SHA-256).

A request covers ``@method``, ``@path`` and ``content-digest``; a reply covers ``@status`` and ``content-digest`` and
repeats the request's nonce, which binds it to that request. Parameters, in this order: created, keyid, alg, nonce, tag.
Anything else in the header is refused: one label, one algorithm, no options to confuse.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from oncofed.contracts.errors import Corrupt, Refused
from oncofed.trust.keys import SigningKey, decode, verify

TOLERANCE_SECONDS = 300
"""How far the signer's clock may be from ours. Five minutes: what Kerberos (RFC 4120 §10) and most sites assume."""

_LABEL = "oncofed"
_REQUEST = ("@method", "@path", "content-digest")
_RESPONSE = ("@status", "content-digest")
_PARAMETERS = re.compile(
    r"(?P<covered>\([^)]*\));created=(?P<created>[0-9]{1,12});keyid=\"(?P<keyid>[A-Za-z0-9_-]{1,86})\""
    r";alg=\"ed25519\";nonce=\"(?P<nonce>[A-Za-z0-9_-]{16,86})\";tag=\"(?P<tag>[a-z-]{1,32})\""
)
_SIGNATURE = re.compile(rf"{_LABEL}=:(?P<signature>[A-Za-z0-9+/]{{86}}==):")


class Signed(NamedTuple):
    """What a verified message says about itself."""

    keyid: str
    nonce: str
    created: int


def content_digest(body: bytes) -> str:
    """Value of the Content-Digest header."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign_request(
    key: SigningKey, *, keyid: str, target: tuple[str, str], body: bytes, created: int, nonce: str
) -> dict[str, str]:
    """Headers that sign a request; ``target``: method and path; ``created``: seconds since 1970; ``nonce`` fresh."""
    values = (target[0], target[1], content_digest(body))
    return _sign(key, _REQUEST, values, _parameters(_REQUEST, Signed(keyid, nonce, created), "oncofed-request"))


def sign_response(key: SigningKey, *, status: int, body: bytes, nonce: str, created: int) -> dict[str, str]:
    """Headers that sign a reply to the request that carried ``nonce``; the keyid is the public key itself."""
    values = (str(status), content_digest(body))
    return _sign(key, _RESPONSE, values, _parameters(_RESPONSE, Signed(key.public, nonce, created), "oncofed-response"))


def verify_request(
    headers: Mapping[str, str], *, target: tuple[str, str], body: bytes, now: float, key_of: Callable[[str], str | None]
) -> Signed:
    """What the request says, if its signature holds under ``key_of(keyid)``; ``headers`` with lower-case names.

    ``Refused(clock-off)`` if it is good but older or newer than the tolerance. ``Corrupt`` with ``signature-missing``,
    ``signature-invalid``, ``digest-mismatch`` or ``key-unknown``. Replays within the tolerance are the caller's to find
    (``SeenNonces``).
    """
    signed = _verify(headers, (_REQUEST, "oncofed-request"), target, body, key_of)
    if abs(now - signed.created) > TOLERANCE_SECONDS:
        raise Refused("clock-off", f"the message is dated {signed.created - now:+.0f} s from here")
    return signed


def verify_response(
    headers: Mapping[str, str], *, status: int, body: bytes, nonce: str, key_of: Callable[[str], str | None]
) -> Signed:
    """What the reply says, if its signature holds and it answers the request with ``nonce``. Needs no clock."""
    signed = _verify(headers, (_RESPONSE, "oncofed-response"), (str(status),), body, key_of)
    if signed.nonce != nonce:
        raise Corrupt("signature-invalid", "the reply is to another request")
    return signed


def signed_claim(headers: Mapping[str, str]) -> Signed:
    """What the header claims, *unverified*: to find the key, or the nonce that a refusal is to repeat."""
    match = _PARAMETERS.fullmatch(headers.get("signature-input", "").removeprefix(f"{_LABEL}="))
    if match is None:
        raise Corrupt("signature-missing")
    return Signed(match["keyid"], match["nonce"], int(match["created"]))


class SeenNonces:
    """Remembers nonces as long as their message would be accepted. Not for several processes or threads."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def accept(self, signed: Signed, now: float) -> None:
        """Take note of a verified message; ``Refused(replayed)`` if its nonce was here before."""
        while self._seen and self._seen[oldest := next(iter(self._seen))] < now:  # they stand in order of arrival
            del self._seen[oldest]
        nonce = f"{signed.keyid} {signed.nonce}"
        if nonce in self._seen:
            raise Refused("replayed")
        self._seen[nonce] = now + 2 * TOLERANCE_SECONDS


def _parameters(covered: tuple[str, ...], signed: Signed, tag: str) -> str:
    components = " ".join(f'"{name}"' for name in covered)
    return (
        f'({components});created={signed.created};keyid="{signed.keyid}"'
        f';alg="ed25519";nonce="{signed.nonce}";tag="{tag}"'
    )


def _base(covered: tuple[str, ...], values: tuple[str, ...], parameters: str) -> bytes:
    """The signature base (RFC 9421 §2.5)."""
    lines = [f'"{name}": {value}' for name, value in zip(covered, values, strict=True)]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def _sign(key: SigningKey, covered: tuple[str, ...], values: tuple[str, ...], parameters: str) -> dict[str, str]:
    if _PARAMETERS.fullmatch(parameters) is None:
        raise ValueError("nonce or keyid outside the profile")
    signature = base64.b64encode(decode(key.sign(_base(covered, values, parameters)))).decode()
    return {
        "content-digest": values[-1],
        "signature-input": f"{_LABEL}={parameters}",
        "signature": f"{_LABEL}=:{signature}:",
    }


def _verify(
    headers: Mapping[str, str],
    profile: tuple[tuple[str, ...], str],
    derived: tuple[str, ...],
    body: bytes,
    key_of: Callable[[str], str | None],
) -> Signed:
    covered, tag = profile
    signed = signed_claim(headers)
    signature = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if signature is None:
        raise Corrupt("signature-missing")
    digest = content_digest(body)
    if headers.get("content-digest") != digest:
        raise Corrupt("digest-mismatch")
    public = key_of(signed.keyid)
    if public is None:
        raise Corrupt("key-unknown", f"key {signed.keyid}")
    # Our own rendering of the parameters is what must have been signed: another cover, order or tag cannot pass.
    base = _base(covered, (*derived, digest), _parameters(covered, signed, tag))
    url_safe = signature["signature"].rstrip("=").replace("+", "-").replace("/", "_")
    if not verify(public, base, url_safe):
        raise Corrupt("signature-invalid")
    return signed
