"""What is read of questions: their outcome now, facets from the cubes, saved searches."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from oncofed.contracts import vocabulary
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.contracts.exchange import CountSource
from oncofed.contracts.outcome import (
    Facet,
    Facets,
    NodeOutcome,
    NodeState,
    Note,
    Outcome,
    ValueEstimate,
)
from oncofed.contracts.query import Criterion, Query
from oncofed.disclosure import cube as cubes
from oncofed.disclosure.display import Part, caution, estimate
from oncofed.disclosure.plan import VALUES
from oncofed.hub.accounts.models import User
from oncofed.hub.catalogue.shelf import Group, shelf
from oncofed.hub.search.actions import chosen
from oncofed.hub.search.models import Ask, SavedSearch
from oncofed.hub.search.notes import Standing, reason
from oncofed.hub.search.plan import criteria_of

INTERVAL = (
    "Numbers with ≈ carry noise that protects the patients, the same for everybody who asks the same; the true number "
    "lies within the ± in 95 of 100 cases."
)

Cells = dict[str, list[Part]]
"""For each cell the released numbers that add up to it."""


def ask_of(person: User, identifier: uuid.UUID) -> Ask:
    """A question of this person; ``BadInput(ask-unknown)``, also where it is another's."""
    found = Ask.objects.filter(person=person, id=identifier).first()
    if found is None:
        raise BadInput("ask-unknown", str(identifier))
    return found


def asks(person: User) -> QuerySet[Ask]:
    """The person's questions, newest first."""
    return person.asks.order_by("-created_at")


class _Row(NamedTuple):
    """How one node stands, without the cost of a model: an outcome is read for every step of a stream."""

    node: str
    title: str
    country: str
    state: str
    code: str
    detail: list[str]
    datasets: int
    unsupported: dict[str, Any]
    answer: dict[str, Any] | None


_COLUMNS = (
    "node_id", "node__title", "node__country", "state", "code", "detail", "datasets", "unsupported", "answer",
)  # fmt: skip


def outcome(ask: Ask) -> Outcome:
    """All that is known about the question now. A pure sum of what nodes released; nothing is drawn or cut here.

    Numbers that a node lets into totals only enter the total when it is complete: before, the total's steps would tell
    them. Two database reads at most.
    """
    rows = [_Row(*values) for values in ask.nodes.order_by("node__title").values_list(*_COLUMNS)]
    waiting = sum(row.state == NodeState.WAITING for row in rows)
    complete = not waiting
    told = [(row, _parts(row)) for row in rows]
    cells = _added(part for _, parts in told for part in parts if complete or part["show"])
    total = _total(ask.by, cells)
    answered = any(row.state == NodeState.ANSWERED for row in rows)
    budgets = [row.answer["budget_left"] for row in rows if row.answer and row.answer.get("budget_left") is not None]
    return Outcome(
        id=str(ask.id),
        url=f"{settings.CONFIGURATION.public_url}/search/answers/{ask.id}/",
        query=ask.query,
        text=ask.text,
        sentence=ask.sentence,
        by=ask.by or None,
        purpose=ask.purpose,
        created_at=ask.created_at,
        expires_at=ask.expires_at,
        version=len(rows) - waiting,
        complete=complete,
        total=estimate(total) if total is not None and answered else None,
        values=_values(ask.by, cells) if ask.by else (),
        nodes=tuple(_node(ask.by, row, parts) for row, parts in told),
        notes=_notes(ask.context, total if complete and answered else None),
        not_recorded=ask.context.get("not_recorded", ()),
        budget_left=min(budgets, default=None),
    )


def _parts(row: _Row) -> list[dict[str, Any]]:
    return row.answer["parts"] if row.answer and row.state == NodeState.ANSWERED else []


def _added(parts: Iterable[Mapping[str, Any]]) -> Cells:
    cells: Cells = {}
    for part in parts:
        for cell, count in part["cells"].items():
            cells.setdefault(cell, []).append(Part(count, part["sigma"]))
    return cells


def _total(by: str, cells: Cells) -> list[Part] | None:
    """The numbers that add up to the total; None where a breakdown's rows overlap."""
    if not by:
        return cells.get("", [])
    return None if CRITERIA[by].several else [part for parts in cells.values() for part in parts]


def _values(by: str, cells: Cells) -> tuple[ValueEstimate, ...]:
    return tuple(
        ValueEstimate(value=cell, label=vocabulary.label(by, cell), estimate=estimate(cells[cell]))
        for cell in vocabulary.cells(by)
        if cell in cells
    )


def _node(by: str, row: _Row, parts: Sequence[Mapping[str, Any]]) -> NodeOutcome:
    answer = row.answer or {}
    state = NodeState(row.state)
    unsupported = {**row.unsupported, **answer.get("unsupported", {})}
    shown = bool(parts) and all(part["show"] for part in parts)
    cells = _added(parts) if shown else {}
    total = _total(by, cells)
    return NodeOutcome(
        node=row.node,
        title=row.title,
        country=row.country,
        state=state,
        estimate=estimate(total) if shown and total is not None else None,
        values=_values(by, cells) if by else (),
        sources=tuple(sorted({CountSource(part["source"]) for part in parts})),
        in_total_only=bool(parts) and not shown,
        datasets=sum(len(part["releases"]) for part in parts) if parts else row.datasets,
        unsupported=unsupported,
        unavailable=answer.get("unavailable", ()),
        code=row.code or None,
        reason=reason(Standing(state, row.code, row.detail, unsupported, answer.get("left_out", {}))),
        budget_left=answer.get("budget_left"),
    )


def _notes(context: Mapping[str, Any], total: Sequence[Part] | None) -> tuple[Note, ...]:
    notes = [Note.model_validate(note) for note in context.get("notes", ())]
    if total and not estimate(total).exact:
        notes.insert(0, Note(code="interval", text=INTERVAL))
        if warning := caution(total):
            notes.insert(0, warning)
    return tuple(notes)


def facets(query: Query, datasets: Collection[str] | None = None) -> Facets:
    """Counts for each value of each criterion beside ``query``, from the published cubes.

    The counts of a criterion leave out the query's own choice of it. A criterion is not ``available`` where the cubes
    hold no such count (beyond two criteria, negations, groups): only a live count can tell.
    """
    canonical = query.canonical()
    snapshot = shelf()
    names = chosen(snapshot, datasets)
    groups = snapshot.pooled(names)
    total = _cube_cells(groups, canonical, None)
    return Facets(
        text=canonical.text(),
        sentence=canonical.explain(),
        total=estimate(total[""]) if total and "" in total else None,
        facets=tuple(_facet(groups, canonical, name) for name in CRITERIA),
        datasets=sum(len(group.releases) for group in groups),
    )


def _facet(groups: Sequence[Group], query: Query, name: str) -> Facet:
    label = CRITERIA[name].label
    others = Query(all=tuple(part for part in query.all if not _chooses(part, name)))
    recording = sum(len(group.releases) for group in groups if name in group.supports)
    cells = _facet_cells(groups, others, name) if name in VALUES else None
    if not cells:
        return Facet(criterion=name, label=label, available=False, datasets=recording)
    return Facet(criterion=name, label=label, available=True, values=_values(name, cells), datasets=recording)


def _chooses(part: object, name: str) -> bool:
    return isinstance(part, Criterion) and part.criterion == name and not part.negated


def _facet_cells(groups: Sequence[Group], others: Query, name: str) -> Cells | None:
    if name != "species":
        return _cube_cells(groups, others, name)
    if others.all:
        return None
    cells: Cells = {}
    for marginal in (marginal for group in groups for marginal in group.cube.marginals if marginal.criteria == (name,)):
        for cell, count in marginal.cells.items():
            cells.setdefault(cell, []).append(Part(count, marginal.sigma))
    return cells


def _cube_cells(groups: Sequence[Group], query: Query, by: str | None) -> Cells | None:
    """What the cubes of all groups that record what is asked say together; None if one of them cannot."""
    needed = criteria_of(query, by)
    cells: Cells = {}
    for group in groups:
        if not needed <= group.supports:
            continue
        told = cubes.answer(group.cube, query, by)
        if told is None:
            return None
        for cell, count in told.cells.items():
            cells.setdefault(cell, []).append(Part(count, told.sigma))
    return cells


def saved_searches(person: User) -> QuerySet[SavedSearch]:
    """The person's saved searches, newest first."""
    return person.searches.order_by("-created_at")


def saved_search(slug: str) -> SavedSearch:
    """The search behind a permalink, for anyone; ``BadInput(search-unknown)``."""
    found = SavedSearch.objects.filter(slug=slug).first()
    if found is None:
        raise BadInput("search-unknown", slug[:40])
    return found
