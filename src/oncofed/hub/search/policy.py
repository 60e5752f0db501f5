"""What an answer must be before it is counted. Pure: task, answer and the catalogue's classes in, a refusal out."""

from collections.abc import Mapping

from pydantic import ValidationError

from oncofed.contracts import vocabulary
from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import Corrupt
from oncofed.contracts.exchange import CountAnswer, CountPart, CountSource, CountTask

MAX_COUNT = 10**9
"""No count of patients, noise included, is greater."""
MAX_EPSILON = 100.0


def accepted_answer(task: CountTask, payload: object, classes: Mapping[str, DatasetClass]) -> CountAnswer:
    """The answer, if it is one to this task; else ``Corrupt`` with the code that the node is told.

    ``classes``: the class of each dataset as its node published it.
    """
    try:
        answer = CountAnswer.model_validate(payload)
    except ValidationError as error:
        raise Corrupt("answer-malformed", f"{error.error_count()} fields are not what they must be") from error
    asked = {release.dataset_id: release for release in task.releases}
    _check_releases(answer, set(task.releases), set(asked))
    for part in answer.parts:
        _check_numbers(part, task.by)
        _check_protection(part, classes)
    return answer


def _check_releases(answer: CountAnswer, asked: set[object], names: set[str]) -> None:
    told = [release for part in answer.parts for release in part.releases]
    left_out = {*answer.unsupported, *answer.unavailable}
    if not asked.issuperset(told) or len(told) != len(set(told)) or not left_out <= names:
        raise Corrupt("answer-not-asked")
    if left_out & {release.dataset_id for release in told}:
        raise Corrupt("answer-not-asked", "a dataset is both counted and left out")
    if unknown := {name for names in answer.unsupported.values() for name in names} - CRITERIA.keys():
        raise Corrupt("answer-malformed", f"unknown criterion {min(unknown)}")


def _check_numbers(part: CountPart, by: str | None) -> None:
    cells = vocabulary.cells(by) if by else ("",)
    if not part.cells.keys() <= set(cells) or (by is None and not part.cells):
        raise Corrupt("answer-out-of-range", "cells that the criterion does not have")
    if any(abs(count) > MAX_COUNT for count in part.cells.values()):
        raise Corrupt("answer-out-of-range", "a count that cannot be")
    if not (0 <= part.sigma <= MAX_COUNT and 0 <= part.epsilon <= MAX_EPSILON):
        raise Corrupt("answer-out-of-range", "noise that cannot be")


def _check_protection(part: CountPart, classes: Mapping[str, DatasetClass]) -> None:
    """Exact numbers are of open datasets only: a node whose policy slipped must not show protected data through us."""
    exact = part.source is CountSource.EXACT or part.sigma == 0
    protected = [r.dataset_id for r in part.releases if classes.get(r.dataset_id) is not DatasetClass.OPEN]
    if exact and protected:
        raise Corrupt("answer-unprotected", ", ".join(sorted(protected)[:5]))
