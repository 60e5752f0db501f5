"""What hub and node say to each other on the wire, version 1. Envelopes here; payloads by ``kind`` below.

All requests are POST with a JSON body, signed by the node (RFC 9421, ``trust.http_signatures``); every reply is
signed by the hub over the request's nonce. Paths under ``/exchange/v1/``:

    enrol     Enrolment      → Enrolled        the only call not yet signed by a known node
    session   Hello          → Welcome
    publish   Publication    → Receipt
    poll      Poll           → Tasks           held open up to ``wait_seconds`` while there is none
    results   Results        → Tasks           accepted once each; the next tasks travel in the reply
    answered  AnsweredSince  → Answered        what the hub has from this node's ledger (after a restore)
"""

import base64
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from oncofed.contracts.base import (
    Cell,
    CodeName,
    CountryCode,
    CriterionName,
    Digest,
    PublicKey,
    Short,
    Slug,
    Utc,
    Wire,
)

PROTOCOL = 1
MAX_BODY_BYTES = 16 * 1024 * 1024
"""Room for the publication of a node with several hundred datasets (some 30 kB each)."""
MAX_RESULT_BYTES = 256 * 1024
MAX_TASKS_PER_REPLY = 16
MAX_WAIT_SECONDS = 30.0
INVITATION_PREFIX = "oncofed-invite-"


class Invitation(Wire):
    """What an operator hands to a hospital: one string, usable once. ``hub_key`` is pinned from here."""

    hub_url: Short
    hub_key: PublicKey
    secret: Short
    node_id: Slug

    def to_token(self) -> str:
        """The string that is handed over: ``oncofed-invite-`` and base64url."""
        return INVITATION_PREFIX + base64.urlsafe_b64encode(self.canonical_bytes()).decode().rstrip("=")

    @classmethod
    def from_token(cls, token: str) -> "Invitation":
        """The invitation a token stands for; ValueError (and so pydantic's ValidationError) for anything else."""
        text = "".join(token.split())
        if not text.startswith(INVITATION_PREFIX):
            raise ValueError("not an invitation")
        body = text.removeprefix(INVITATION_PREFIX)
        return cls.model_validate_json(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


class Enrolment(Wire):
    """A node introduces itself with its own key and the invitation's secret."""

    protocol: int = PROTOCOL
    node_id: Slug
    secret: Short
    public_key: PublicKey
    title: Short
    country: CountryCode
    software: Short


class Enrolled(Wire):
    """The hub knows the node now."""

    node_id: Slug
    hub_key: PublicKey


class Hello(Wire):
    """A node opens a session. ``epoch`` is one more than the last it remembers; ``instance`` is random per start."""

    protocol: int = PROTOCOL
    software: Short
    instance: Short
    epoch: int
    ledger_sequence: int
    """Number of entries in the node's ledger; a hub that has seen more tells the node to recover first."""


class Welcome(Wire):
    """The session stands. ``rotations``: how the hub's key came from the one the node pinned, oldest first."""

    protocol: int
    epoch: int
    hub_time: Utc
    rotations: tuple["KeyRotation", ...] = ()


class KeyRotation(Wire):
    """A new hub key, signed by the old one over three lines: ``oncofed-key-rotation``, the old key, the new key."""

    old: PublicKey
    new: PublicKey
    signature: Short


class Poll(Wire):
    """Ask for tasks; the hub may hold the call open for ``wait_seconds``."""

    instance: Short
    wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS)] = 25.0


class Asker(Wire):
    """Who asks, as the hub says: a stable pseudonym of the person, their organisation and the purpose they gave."""

    person: Short
    organisation: Slug
    purpose: Short = ""


class Task(Wire):
    """One piece of work for one node. ``payload`` is the type that ``kind`` names; idempotent by ``task_id``."""

    task_id: Short
    kind: CodeName
    created_at: Utc
    expires_at: Utc
    asker: Asker
    payload: dict[str, Any]


class Tasks(Wire):
    """Tasks leased to the node until each expires or is answered."""

    tasks: tuple[Task, ...] = ()
    rejected: tuple["Rejection", ...] = ()
    """For a reply to ``results``: results that were not accepted, each with its code."""


class Rejection(Wire):
    """A result the hub did not accept."""

    task_id: Short
    code: CodeName


class ResultStatus(StrEnum):
    """``answered`` carries a payload; ``refused`` carries a code."""

    ANSWERED = "answered"
    REFUSED = "refused"


class Result(Wire):
    """A node's answer to a task. ``detail`` is at most the names of datasets or criteria the code is about."""

    task_id: Short
    status: ResultStatus
    code: CodeName | None = None
    detail: tuple[Short, ...] = ()
    payload: dict[str, Any] | None = None


class Results(Wire):
    """One or more answers; accepted once each."""

    instance: Short
    results: tuple[Result, ...]
    wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS)] = 0.0


class Receipt(Wire):
    """The hub has it."""

    accepted: bool = True
    detail: tuple[Short, ...] = ()


class AnsweredSince(Wire):
    """Ask for the ledger entries the hub has from this node, from ``sequence`` (exclusive)."""

    sequence: int


class Failure(Wire):
    """The body of every non-2xx reply."""

    code: CodeName
    detail: Short = ""


# ---- kind "count" -------------------------------------------------------------------------------------------------


class ReleaseName(Wire):
    """Names one release exactly."""

    dataset_id: Slug
    release: Short
    digest: Digest


class CountTask(Wire):
    """How many patients match, over the union of ``releases``? ``query`` is a ``contracts.query.Query`` as JSON."""

    query: dict[str, Any]
    by: CriterionName | None = None
    releases: Annotated[tuple[ReleaseName, ...], Field(max_length=2000)]


class LedgerEntry(Wire):
    """What the node wrote into its ledger when it first answered; signed by the node so that it can trust it back."""

    sequence: int
    key: Digest
    """Digest of canonical query, measure, sorted release digests and versions: the same question, the same key."""
    year: int
    organisation: Slug
    lineages: tuple[Slug, ...]
    epsilon: float
    answer: dict[Cell, StrictInt]
    previous: Digest
    """Digest of the entry before (64 zeros for the first): the ledger is a chain."""
    signature: Short


class CountSource(StrEnum):
    """Where a count comes from: the published cube, a live noisy draw, or an exact count of open data."""

    CUBE = "cube"
    LIVE = "live"
    EXACT = "exact"


class CountPart(Wire):
    """One number (or one breakdown) over the union of ``releases``: all open, or all protected.

    ``cells``: with no breakdown one cell ``""``. Noisy integers, may be negative. ``sigma``: standard deviation of the
    noise on each cell, 0 if exact.
    """

    source: CountSource
    releases: tuple[ReleaseName, ...]
    cells: dict[Cell, StrictInt]
    sigma: float
    epsilon: float
    show: bool = True
    """False: the node lets this number into totals only, not beside its own name."""
    entry: LedgerEntry | None = None


class CountAnswer(Wire):
    """A node's answer to a ``CountTask``: at most one open and one protected part."""

    parts: tuple[CountPart, ...]
    unsupported: dict[Slug, tuple[CriterionName, ...]] = {}
    """Datasets that were left out because they cannot record a criterion of the query, with those criteria."""
    unavailable: tuple[Slug, ...] = ()
    """Datasets that were left out because policy does not let this asker search them, or the release is gone."""
    left_out: dict[Slug, CodeName] = {}
    """For each of ``unavailable`` the code that says why."""
    budget_left: float | None = None
    """Epsilon the asker's organisation has left at this node, the least over the lineages asked."""


class Answered(Wire):
    """Ledger entries the hub has, in order; ``last`` is the greatest sequence it has seen."""

    entries: tuple[LedgerEntry, ...]
    last: int
    epoch: int


COUNT: Literal["count"] = "count"
