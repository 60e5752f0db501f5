"""What de-identification reports: which attributes changed and why, what a person should look at. Never a value."""

from dataclasses import dataclass
from typing import NamedTuple


class Change(NamedTuple):
    """One attribute that is no longer what it was: where, what was done, and why."""

    path: str
    action: str
    reason: str


class Review(NamedTuple):
    """Something a person should look at; ``token_hash`` is keyed, the same for the same token in one project."""

    path: str
    code: str
    token_hash: str


@dataclass(frozen=True)
class Applied:
    """The outcome for one object. ``flags`` say what was odd about the whole of it (``overlay-in-pixels`` …)."""

    patient_key: str
    changes: tuple[Change, ...] = ()
    review: tuple[Review, ...] = ()
    flags: frozenset[str] = frozenset()
    sop_class_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    transfer_syntax: str = ""
    pixels_masked: bool = False
