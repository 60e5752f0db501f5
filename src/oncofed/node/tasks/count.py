"""Kind ``count``: how many patients match?

The road: policy → which releases can answer → open data exactly → protected data from the published cube if it can say
it → else from the ledger if the question was answered before → else within the budget: count, draw the noise, file the
answer. What leaves is built here from named numbers; the exact count of protected data stands in no object that does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from oncofed.contracts.catalogue import Cube, DatasetClass
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import OncofedError, QueryError, Refused
from oncofed.contracts.exchange import (
    CountAnswer,
    CountPart,
    CountSource,
    CountTask,
    LedgerEntry,
    ReleaseName,
    Result,
    ResultStatus,
    Task,
)
from oncofed.contracts.query import Criterion, Group, Query, query_of
from oncofed.disclosure import budget, cube, live
from oncofed.disclosure.accounting import live_epsilon
from oncofed.node.context import NodeContext
from oncofed.node.policy import Policy
from oncofed.node.published import PublishedRelease

_CUBE_PARTS = 3
"""A published cube says something about species and at most two more criteria."""


@dataclass(frozen=True)
class _Question:
    """What is asked, read from the task."""

    query: Query
    by: str | None
    organisation: str
    releases: tuple[ReleaseName, ...]

    @property
    def criteria(self) -> frozenset[str]:
        """Every criterion the answer rests on."""
        return frozenset(_named(self.query.all)) | ({self.by} if self.by else set())


@dataclass
class _Scope:
    """Which of the releases asked can answer, and why the others cannot."""

    open: list[PublishedRelease] = field(default_factory=list)
    protected: list[PublishedRelease] = field(default_factory=list)
    unsupported: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def answer(task: Task, node: NodeContext, now: datetime) -> Result:
    """The answer to a ``count`` task, or a refusal with its code. Never raises an ``OncofedError``.

    Asking again, as the same task or the same question, gives the same numbers and costs nothing. When this returns a
    live count, it stands in ``node.ledger``.
    """
    try:
        question = _read(task, now)
        policy = node.policy()
        if code := policy.refusal(now):
            raise Refused(code)
        scope = _scope(question, policy, node)
        payload = _count(question, scope, policy, node, now)
    except _LeftOut as refusal:
        return _refusal(task, refusal.code, refusal.about)
    except OncofedError as error:
        return _refusal(task, error.code, ())
    return Result(task_id=task.task_id, status=ResultStatus.ANSWERED, payload=payload.model_dump(mode="json"))


class _LeftOut(Refused):
    """A refusal that names datasets or criteria."""

    def __init__(self, code: str, about: Iterable[str]) -> None:
        self.about = tuple(about)
        super().__init__(code)


def _refusal(task: Task, code: str, about: tuple[str, ...]) -> Result:
    return Result(task_id=task.task_id, status=ResultStatus.REFUSED, code=code, detail=about)


def _read(task: Task, now: datetime) -> _Question:
    if now >= task.expires_at:
        raise Refused("task-expired")
    try:
        asked = CountTask.model_validate(task.payload)
    except ValidationError as error:
        raise Refused("task-malformed") from error
    if asked.by is not None and asked.by not in CRITERIA:
        raise QueryError("query-unknown-criterion", "by")
    return _Question(query_of(asked.query), asked.by, task.asker.organisation, asked.releases)


def _named(parts: Sequence[Criterion | Group]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Criterion):
            yield part.criterion
        else:
            yield from _named(part.all)


def _scope(question: _Question, policy: Policy, node: NodeContext) -> _Scope:
    published, scope = node.published(), _Scope()
    for name in dict.fromkeys(question.releases):
        release = published.find(name.dataset_id, name.digest)
        if release is None:
            scope.left_out[name.dataset_id] = "release-withdrawn"
        elif not policy.lets(question.organisation, name.dataset_id):
            scope.left_out[name.dataset_id] = "not-searchable"
        elif lacking := question.criteria - set(release.supports):
            scope.unsupported[name.dataset_id] = tuple(sorted(lacking))
        elif policy.dataset_class(name.dataset_id, release.dataset.dataset_class) is DatasetClass.OPEN:
            scope.open.append(release)
        else:
            scope.protected.append(release)
    return scope


def _count(question: _Question, scope: _Scope, policy: Policy, node: NodeContext, now: datetime) -> CountAnswer:
    parts: list[CountPart] = []
    left: float | None = None
    if scope.open:
        parts.append(_exact(question, scope.open, policy, node))
    if scope.protected:
        try:
            part, left = _protected(question, scope.protected, policy, node, now)
            parts.append(part)
        except Refused as refusal:
            scope.left_out |= dict.fromkeys(_ids(scope.protected), refusal.code)
    if not parts:
        _raise_why_nothing(scope)
    return CountAnswer(
        parts=tuple(parts),
        unsupported=scope.unsupported,
        unavailable=tuple(sorted(scope.left_out)),
        left_out=scope.left_out,
        budget_left=left,
    )


def _raise_why_nothing(scope: _Scope) -> None:
    """The reason that helps most: what changed, what cannot be asked here, what may not be asked."""
    for code in ("release-withdrawn", *sorted(set(scope.left_out.values()) - {"not-searchable", "release-withdrawn"})):
        if code in scope.left_out.values():
            raise _LeftOut(code, sorted(name for name, why in scope.left_out.items() if why == code))
    if scope.unsupported:
        raise _LeftOut("not-supported-here", sorted({one for some in scope.unsupported.values() for one in some}))
    raise _LeftOut("not-searchable", sorted(scope.left_out))


def _exact(question: _Question, releases: list[PublishedRelease], policy: Policy, node: NodeContext) -> CountPart:
    cells = node.warehouse.count(question.query, _pairs(releases), question.by)
    return _part(CountSource.EXACT, releases, cells, policy)


def _protected(
    question: _Question, releases: list[PublishedRelease], policy: Policy, node: NodeContext, now: datetime
) -> tuple[CountPart, float]:
    """The one number over the union of protected releases, and the ε that is left for the organisation."""
    year = budget.budget_year(now, node.ledger.latest_year())
    lineages = _ids(releases)

    def decision(cost: int) -> budget.Decision:
        spent = node.ledger.spent(year, lineages)
        who = question.organisation
        return budget.decide(spent, year=year, organisation=who, lineages=lineages, cost=cost, limits=policy.limits)

    if published := _from_cubes(question, releases, node):
        part = _part(CountSource.CUBE, releases, published.cells, policy, sigma=published.sigma)
        return part, decision(0).epsilon_left
    if node.ledger_problem:
        raise Refused(node.ledger_problem)
    asked = live.Question(question.query.key, question.by, frozenset(one.digest for one in releases))
    known = node.ledger.find(asked)
    decided = decision(0 if known else asked.cost)
    if known is None and decided.code:
        raise Refused(decided.code)
    entry = known or _first_answer(question, asked, releases, node, year)
    part = _part(CountSource.LIVE, releases, entry.answer, policy, sigma=live.SIGMA, entry=entry)
    return part, decided.epsilon_left


def _first_answer(
    question: _Question, asked: live.Question, releases: list[PublishedRelease], node: NodeContext, year: int
) -> LedgerEntry:
    """Count, draw the noise, and file the answer for good."""
    exact = node.warehouse.count(question.query, _pairs(releases), question.by)
    noisy = live.draw(node.noise_secret, asked, exact)
    return node.ledger.commit(asked, noisy, charge=(year, question.organisation, _ids(releases)))


def _from_cubes(question: _Question, releases: list[PublishedRelease], node: NodeContext) -> cube.CubeCells | None:
    """The sum over the releases' published cubes, if each of them can answer."""
    if len(question.query.all) > _CUBE_PARTS or any(isinstance(part, Group) for part in question.query.all):
        return None
    answers = []
    for release in releases:
        said = cube.answer(_cube(question, release.digest, node), question.query, question.by)
        if said is None:
            return None
        answers.append(said)
    return cube.added(answers)


def _cube(question: _Question, digest: str, node: NodeContext) -> Cube:
    """As much of a release's cube as the question can need."""
    without_species = node.marginals(digest, question.criteria - {"species"})
    with_species = node.marginals(digest, question.criteria)
    return Cube(
        epsilon=0.0,
        delta=0.0,
        population=node.marginals(digest, frozenset()),
        marginals=tuple(one for one in (without_species, with_species) if one is not None and one.criteria),
    )


def _part(
    source: CountSource,
    releases: list[PublishedRelease],
    cells: dict[str, int],
    policy: Policy,
    *,
    sigma: float = 0.0,
    entry: LedgerEntry | None = None,
) -> CountPart:
    return CountPart(
        source=source,
        releases=tuple(
            ReleaseName(dataset_id=one.dataset.dataset_id, release=one.release, digest=one.digest) for one in releases
        ),
        cells=cells,
        sigma=sigma,
        epsilon=live_epsilon(len(entry.answer)) if entry else 0.0,
        show=policy.shows(_ids(releases), cells, exact=source is CountSource.EXACT),
        entry=entry,
    )


def _ids(releases: Iterable[PublishedRelease]) -> tuple[str, ...]:
    return tuple(sorted({one.dataset.dataset_id for one in releases}))


def _pairs(releases: Iterable[PublishedRelease]) -> list[tuple[str, str]]:
    return [(one.dataset.dataset_id, one.release) for one in releases]
