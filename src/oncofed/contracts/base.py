"""What all wire types share: frozen, closed (unknown fields are an error), and one canonical byte form."""

import json
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Wire(BaseModel):
    """A frozen type that crosses hub and node; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    def canonical_bytes(self) -> bytes:
        """UTF-8 JSON with sorted keys and no spaces: equal values give equal bytes (what is hashed and signed)."""
        return canonical_json(self.model_dump(mode="json"))


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces; NaN and infinities are an error (RFC 8785 for our subset)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset")
    return moment.astimezone(UTC)


Utc = Annotated[datetime, AfterValidator(_utc)]
"""A time with an offset, normalised to UTC."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
"""Identifier of a dataset, node or organisation: lower-case letters, digits, hyphens."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 (or HMAC-SHA-256) digest in lower-case hexadecimal."""

Short = Annotated[str, StringConstraints(max_length=200)]
Long = Annotated[str, StringConstraints(max_length=8000)]
CodeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
CriterionName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
Cell = Annotated[str, StringConstraints(max_length=64)]
"""One value code of a criterion, a band label, or ``missing``."""
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""Raw Ed25519 public key, base64url without padding."""
