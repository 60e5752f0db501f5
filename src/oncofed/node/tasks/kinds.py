"""Which function answers which kind of task, and what a task is in the hospital's own words (for the outbox)."""

from collections.abc import Callable, Mapping
from datetime import datetime

from pydantic import ValidationError

from oncofed.contracts.errors import OncofedError
from oncofed.contracts.exchange import COUNT, CountTask, Result, ResultStatus, Task
from oncofed.contracts.query import query_of
from oncofed.node.context import NodeContext
from oncofed.node.tasks import count

KINDS: Mapping[str, Callable[[Task, NodeContext, datetime], Result]] = {COUNT: count.answer}


def refused(task: Task, code: str) -> Result:
    """A refusal of a task for a reason that no kind knows."""
    return Result(task_id=task.task_id, status=ResultStatus.REFUSED, code=code)


def words(task: Task) -> dict[str, object]:
    """Who asked what, for a person to read. Does not leave the node."""
    who = {"kind": task.kind, "task_id": task.task_id, **task.asker.model_dump()}
    try:
        asked = CountTask.model_validate(task.payload)
        question = query_of(asked.query).text()
    except (ValidationError, OncofedError):
        return who
    return {**who, "question": question, "by": asked.by, "datasets": [one.dataset_id for one in asked.releases]}
