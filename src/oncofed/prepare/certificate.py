"""The certificate of a run: what was done to the images and what was found afterwards, signed by the node's key.

``certificate.json`` holds the statement and an Ed25519 signature over its canonical JSON; ``certificate.html`` is the
same for a person; ``images.sha256`` binds it to the files (in the form of ``sha256sum --check``, under pseudonyms).
Nothing in them is a value of a patient: numbers, codes, names of attributes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oncofed import __version__
from oncofed.contracts.codes import CODES
from oncofed.contracts.errors import BadInput, Corrupt
from oncofed.files import write_durably
from oncofed.imaging.deidentify import Option, Policy
from oncofed.imaging.deidentify.policy import Action
from oncofed.imaging.deidentify.tables import EDITION
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.papers import render
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, State
from oncofed.prepare.verify import results, verified
from oncofed.prepare.volumes import files
from oncofed.trust.keys import SigningKey, verify

FORM = "oncofed-preparation-certificate/1"
JSON_FILE, PAGE_FILE, IMAGES_FILE = "certificate.json", "certificate.html", "images.sha256"
_PREFIX = b"oncofed-preparation-certificate\n"

Statement = dict[str, Any]


@dataclass(frozen=True)
class Certificate:
    """A statement and its signature. ``key``: the public key, base64url."""

    statement: Statement
    key: str
    signature: str

    @property
    def passed(self) -> bool:
        """Whether the verification found nothing in what is released."""
        return bool(self.statement["verification"]["passed"])


def certify(run: Run, recipe: Recipe, key: SigningKey, *, now: datetime | None = None) -> Certificate:
    """Write certificate, page and list of images of a verified run.

    Raises:
        BadInput: ``prepare-not-verified``: files of the run are still to be de-identified or verified, or none is.
    """
    with run.stage("certify") as facts:
        if run.number(State.INDEXED, State.DEIDENTIFIED) or not run.number(State.VERIFIED):
            raise BadInput("prepare-not-verified")
        images = _images(run)
        statement = _statement(run, recipe.tools.policy, images, now or datetime.now(UTC))
        certificate = Certificate(statement, key.public, key.sign(_signed(statement)))
        page = render("certificate.html", certificate=certificate, statement=statement)
        with disk_full_told():
            write_durably(run.directory / IMAGES_FILE, images)
            write_durably(run.directory / PAGE_FILE, page.encode())
            write_durably(run.directory / JSON_FILE, _written(certificate))
        facts.update(passed=certificate.passed, images=len(images.splitlines()))
    return certificate


def read_certificate(path: Path, key: str | None = None) -> Certificate:
    """A certificate whose signature is right; ``key``: the public key that must have made it.

    Raises:
        Corrupt: ``certificate-invalid``: it was changed, is no certificate, or is signed by another key.
    """
    try:
        given = json.loads(path.read_bytes())
        certificate = Certificate(given["statement"], given["key"], given["signature"])
        sound = certificate.statement["form"] == FORM
        message = _signed(certificate.statement)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt("certificate-invalid", "it is no certificate") from error
    if not sound or (key is not None and key != certificate.key):
        raise Corrupt("certificate-invalid", "it is of another form, or signed by another key")
    if not verify(certificate.key, message, certificate.signature):
        raise Corrupt("certificate-invalid", "it is not what was signed")
    return certificate


def check_images(certificate: Certificate, directory: Path) -> int:
    """Read every image that the certificate speaks of, below ``directory`` beside ``images.sha256``; their number.

    Raises:
        Corrupt: ``certificate-images-differ``: the list is another one, or an image is missing or changed.
    """
    try:
        listed = (directory / IMAGES_FILE).read_bytes()
    except OSError as error:
        raise Corrupt("certificate-images-differ", f"{IMAGES_FILE} is not there") from error
    if hashlib.sha256(listed).hexdigest() != certificate.statement["images"]["list_sha256"]:
        raise Corrupt("certificate-images-differ", f"{IMAGES_FILE} is another list")
    entries = [line.split("  ", 1) for line in listed.decode().splitlines()]
    wrong = sum(not _is(directory / place, digest) for digest, place in entries)
    if wrong:
        raise Corrupt("certificate-images-differ", f"{wrong:,} of {len(entries):,} images are missing or changed")
    return len(entries)


def _is(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest
    except OSError:
        return False


def _signed(statement: Statement) -> bytes:
    """The bytes that are signed: canonical JSON (sorted keys, no spaces, ASCII) behind what kind of message it is."""
    return _PREFIX + json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _written(certificate: Certificate) -> bytes:
    return json.dumps(asdict(certificate), indent=1, ensure_ascii=False).encode() + b"\n"


def _images(run: Run) -> bytes:
    """Digest and place of every file of the images that passed, in order of the places."""
    digests: dict[int, str] = {}
    beside: dict[int, str] = {}
    for one in results(run):
        digests.update(one.digests)
        beside.update(one.beside)
    lines = []
    for file in run.files(State.VERIFIED):
        of = zip(files(file.target), (digests, beside), strict=False) if file.target is not None else ()
        lines += [f"{known.get(file.id, '')}  {path.relative_to(run.directory)}\n" for path, known in of]
    return "".join(sorted(lines, key=lambda line: line[66:])).encode()


def _statement(run: Run, policy: Policy, images: bytes, now: datetime) -> Statement:
    verification = verified(run)
    return {
        "form": FORM,
        "software": f"oncofed {__version__}",
        "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "run_begun_at": run.get("created_at"),
        "project": run.project,
        "sources": dict(Counter(source.kind for source in run.sources())),
        "images": {"files": len(images.splitlines()), "list_sha256": hashlib.sha256(images).hexdigest()},
        "policy": describe(policy),
        "files": {
            "found": sum(sum(codes.values()) for codes in run.counts().values()),
            "released": run.number(State.VERIFIED),
            "held_back": _by_code(run, State.QUARANTINED),
            "left_out": _by_code(run, State.SKIPPED),
            "no_file": {code: len(places) for code, places in run.notes().items()},
            "accepted_by_a_person": _accepted(run),
        },
        "patients": verification.patients,
        "actions": run.action_counts(),
        "verification": {**asdict(verification), "passed": verification.passed},
    }


def describe(policy: Policy) -> Statement:
    """A policy in words and numbers: what it is, what it keeps, and by which digest it is known."""
    profile = policy.profile
    kept = [rule.keyword or rule.tag for rule in policy.rules if rule.actions == {Action.KEEP}]
    cleaned = [rule.keyword or rule.tag for rule in policy.rules if Action.CLEAN in rule.actions]
    return {
        "profile": profile.name,
        "digest": policy.digest,
        "version": policy.version,
        "standard": f"DICOM PS3.15 {EDITION}, Annex E",
        "method_codes": [[code.value, code.meaning] for code in policy.method_codes],
        "options": sorted(str(option) for option in profile.options),
        "overrides": dict(sorted(profile.overrides.items())),
        "dates": _dates(policy),
        "date_shift_days": list(profile.date_shift_days) if policy.shifts_dates else [],
        "age_cap": profile.age_cap,
        "clean_pixels": profile.clean_pixels,
        "deface": profile.deface,
        "kept": sorted(kept),
        "cleaned": sorted(cleaned),
        "safe_private_kept": Option.RETAIN_SAFE_PRIVATE in profile.options,
    }


def _dates(policy: Policy) -> str:
    if policy.shifts_dates:
        return "shifted"
    return "kept" if policy.keeps_full_dates else "removed"


def _by_code(run: Run, state: State) -> Mapping[str, int]:
    return dict(sorted(run.counts().get(state.value, {}).items()))


def _accepted(run: Run) -> Mapping[str, int]:
    """Files that pass because a person let them, by the code that would have held them back."""
    found: Counter[str] = Counter()
    for file in run.files(State.VERIFIED, where="f.accepted <> ''"):
        found.update(code for code in file.accepted if code in CODES)
    return dict(sorted(found.items()))
