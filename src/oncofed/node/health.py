"""What a node says about itself: ``status`` for every day, ``doctor`` when something is wrong."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from oncofed.contracts.codes import CODES
from oncofed.contracts.errors import OncofedError, Refused
from oncofed.contracts.exchange import Answered, AnsweredSince
from oncofed.disclosure import budget
from oncofed.disclosure.accounting import live_epsilon
from oncofed.node import identity
from oncofed.node.agent import is_running
from oncofed.node.assembly import connect, open_ledger, open_warehouse, read_policy
from oncofed.node.hub import Message
from oncofed.node.ledger import Ledger
from oncofed.node.outbox import Outbox
from oncofed.node.policy import Policy
from oncofed.node.published import read_published
from oncofed.node.publishing import withdrawn
from oncofed.node.settings import Settings

CLOCK_WARNING_SECONDS = 60.0
LITTLE_SPACE = 1_000_000_000
NO_SPACE = 50_000_000


def status(settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """Enrolment, agent, releases, budgets and what stands open. Reads only; may be called while the agent runs."""
    own = identity.read(settings.keys)
    hub = identity.pinned(settings.keys)
    ledger = open_ledger(settings, own)
    year = budget.budget_year(now or datetime.now(UTC), ledger.latest_year())
    policy, policy_problem = _policy(settings)
    report = {
        "directory": str(settings.directory),
        "node_id": hub.node_id if hub else None,
        "hub_url": hub.hub_url if hub else None,
        "public_key": own.key.public,
        "enrolled": hub is not None,
        "epoch": ledger.epoch,
        "agent": {"running": is_running(settings.lock_file), **_agent(settings)},
        "policy_problem": policy_problem,
        "releases": _releases(settings, policy),
        "year": year,
        "budgets": _budgets(ledger, policy, year),
        "cubes": [
            {"lineage": lineage, "release_digest": digest, "epsilon": epsilon}
            for digest, lineage, epsilon in ledger.published(year)
        ],
        "unconfirmed_results": len(ledger.unconfirmed(1000)),
    }
    ledger.close()
    return report


def _policy(settings: Settings) -> tuple[Policy, str | None]:
    try:
        return read_policy(settings.policy_file), None
    except OncofedError as error:
        return Policy(), str(error)


def _agent(settings: Settings) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(settings.agent_file.read_text())
    except (FileNotFoundError, ValueError):
        return {"state": "never started"}
    return said


def _releases(settings: Settings, policy: Policy) -> list[dict[str, Any]]:
    published = {one.digest for one in read_published(settings.published_file).releases}
    gone = withdrawn(settings)
    with open_warehouse(settings) as warehouse:
        return [
            {
                "dataset_id": one.dataset.dataset_id,
                "title": one.dataset.title,
                "release": one.release,
                "digest": one.digest,
                "class": policy.dataset_class(one.dataset.dataset_id, one.dataset.dataset_class).value,
                "loaded_at": one.loaded_at.isoformat(),
                "patients": one.size.patients,
                "studies": one.size.studies,
                "series": one.size.series,
                "published": one.digest in published,
                "searchable": policy.searchable(one.dataset.dataset_id) and one.dataset.dataset_id not in gone,
            }
            for one in warehouse.releases()
        ]


def _budgets(ledger: Ledger, policy: Policy, year: int) -> list[dict[str, Any]]:
    spent = ledger.spent(year)
    rows = []
    for row in spent:
        own = [one for one in spent if one.lineage == row.lineage]
        decision = budget.decide(
            own, year=year, organisation=row.organisation, lineages=[row.lineage], cost=0, limits=policy.limits
        )
        rows.append(
            {
                "lineage": row.lineage,
                "organisation": row.organisation,
                "counts": row.counts,
                "epsilon": live_epsilon(row.counts),
                "counts_left": decision.left,
            }
        )
    return rows


# ---- doctor ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One finding. ``state``: ok, warning or failed."""

    name: str
    state: str
    detail: str = ""
    code: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """With the next step that the code names."""
        return {**vars(self), "next_step": CODES[self.code].next_step if self.code else None}


def examine(settings: Settings, environment: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """All checks, one after the other; each is made even if one before it failed."""
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("keys", lambda: _keys(settings)),
        ("policy", lambda: _policy_check(settings)),
        ("disk", lambda: _disk(settings)),
        ("ledger", lambda: _ledger(settings)),
        ("outbox", lambda: _outbox(settings)),
        ("warehouse", lambda: _warehouse(settings)),
        ("way out", lambda: _way_out(settings, environment)),
        ("hub and clock", lambda: _hub(settings)),
    )
    for name, check in checks:
        try:
            yield check()
        except OncofedError as error:
            yield Check(name, "failed", error.detail or CODES[error.code].title, error.code)


def _keys(settings: Settings) -> Check:
    own = identity.read(settings.keys)
    return Check("keys", "ok", f"public key {own.key.public}; readable by the owner only")


def _policy_check(settings: Settings) -> Check:
    policy = read_policy(settings.policy_file)
    refusal = policy.refusal(datetime.now(UTC))
    if refusal:
        return Check("policy", "warning", "nothing is answered now", refusal)
    return Check("policy", "ok", "policy.toml can be read")


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.directory).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < NO_SPACE:
        return Check("disk", "failed", detail, "disk-full")
    return Check("disk", "warning" if free < LITTLE_SPACE else "ok", detail)


def _ledger(settings: Settings) -> Check:
    ledger = open_ledger(settings, identity.read(settings.keys))
    try:
        return Check("ledger", "ok", f"{ledger.check()} answers, an unbroken signed chain")
    finally:
        ledger.close()


def _outbox(settings: Settings) -> Check:
    outbox = Outbox(settings.outbox_file)
    try:
        return Check("outbox", "ok", f"{outbox.check()} messages, an unbroken chain")
    finally:
        outbox.close()


def _warehouse(settings: Settings) -> Check:
    """Compute every release's digest again from its rows."""
    pseudonyms = identity.read(settings.keys).pseudonyms
    with open_warehouse(settings) as warehouse:
        releases = warehouse.releases()
        for release in releases:
            warehouse.verify(release.name, pseudonyms)
    return Check("warehouse", "ok", f"{len(releases)} releases are what their digests say")


def _way_out(settings: Settings, environment: Mapping[str, str]) -> Check:
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")
    said = [name for name in names if environment.get(name)]
    if settings.ca_file is not None:
        if not settings.ca_file.is_file():
            return Check("way out", "failed", f"ca_file {settings.ca_file} is missing", "settings-invalid")
        said.append(f"ca_file {settings.ca_file}")
    return Check("way out", "ok", f"in use: {', '.join(said)}" if said else "no proxy, the usual certificates")


def _hub(settings: Settings) -> Check:
    enrolled = identity.enrolled(settings.keys)
    own = identity.read(settings.keys)
    ledger = open_ledger(settings, own)
    last = ledger.last()
    ledger.close()
    outbox = Outbox(settings.outbox_file)
    hub = connect(settings, own, enrolled, outbox)
    question = AnsweredSince(sequence=last.sequence if last else 0)
    try:
        hub.call(Message("answered", question, {"what": "doctor: does the hub answer?"}), Answered)
    except Refused as refusal:
        offset = f"; this clock is {-hub.clock_offset:+.0f} s from the hub's" if hub.clock_offset is not None else ""
        return Check("hub and clock", "failed", f"{CODES[refusal.code].title}{offset}", refusal.code)
    finally:
        hub.close()
        outbox.close()
    offset_seconds = hub.clock_offset or 0.0
    detail = f"{enrolled.hub_url} answers; this clock is {-offset_seconds:+.0f} s from the hub's"
    if abs(offset_seconds) > CLOCK_WARNING_SECONDS:
        return Check("hub and clock", "warning", detail, "clock-off")
    return Check("hub and clock", "ok", detail)
