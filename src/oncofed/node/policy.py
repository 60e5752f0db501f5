"""What this node may answer: ``policy.toml``, written by a data manager, read as pure decisions.

A policy can only be stricter than oncofed itself: it can hide datasets, shut out organisations, lower budgets, keep
numbers out of sight, and treat open data as protected. It cannot raise a budget, lower a threshold or open what was
loaded as protected. It decides by dataset, organisation and time, never by a patient or a result.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.errors import BadInput
from oncofed.disclosure.budget import Limits
from oncofed.disclosure.constants import LINEAGE_COUNTS, ORGANISATION_COUNTS

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

DEFAULT = f"""\
# What may be asked of this hospital's data. The node reads this file again whenever it changes.
# A rule here can make the node stricter than oncofed is, never laxer. If the file cannot be read, the node
# answers nothing until it is repaired; `oncofed node policy` says what is wrong, and what the rules amount to.

[answers]
enabled = true                 # false: answer nothing at all
datasets = ["*"]               # the datasets that may be searched; "*" is every one, "breast-*" all that begin so
organisations = ["*"]          # the organisations that may ask
show_numbers = true            # false: this node's number goes into totals only, never beside its name
smallest_number_shown = 0      # a smaller number goes into totals only; 0: none does

[hours]                        # when the node answers; outside, it says so
days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
from = "00:00"
to = "24:00"
time_zone = "UTC"              # for instance "Europe/Paris"

[budget]                       # live counts of protected data, each year and for each dataset
for_each_organisation = {ORGANISATION_COUNTS}     # at most {ORGANISATION_COUNTS}
for_all_together = {LINEAGE_COUNTS}         # at most {LINEAGE_COUNTS}

# For one dataset, what stands here goes before what is said above:
#
# [datasets.breast-2024]
# searchable = true            # false: hide it from everyone
# organisations = ["university-of-example"]
# show_numbers = false
# class = "protected"          # treat data that were loaded as open like all other data
"""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


def _time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text):
        raise ValueError("a time is written as 07:30")
    return text


Time = Annotated[str, AfterValidator(_time)]


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


class Answers(_Section):
    """The rules for all datasets."""

    enabled: bool = True
    datasets: list[str] = ["*"]
    organisations: list[str] = ["*"]
    show_numbers: bool = True
    smallest_number_shown: Annotated[int, Field(ge=0)] = 0


class Hours(_Section):
    """When the node answers: on ``days``, from ``start`` (inclusive) to ``end`` (exclusive), local time."""

    days: list[Day] = list(DAYS)
    start: Annotated[Time, Field(alias="from")] = "00:00"
    end: Annotated[Time, Field(alias="to")] = "24:00"
    time_zone: str = "UTC"

    @model_validator(mode="after")
    def _usable(self) -> "Hours":
        if self.start >= self.end:
            raise ValueError("“from” must be earlier than “to”")
        try:
            _zone(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"“{self.time_zone}” is no time zone known here") from error
        return self

    def include(self, now: datetime) -> bool:
        """Whether the node answers at ``now``."""
        local = now.astimezone(_zone(self.time_zone))
        return DAYS[local.weekday()] in self.days and self.start <= local.strftime("%H:%M") < self.end


class Budget(_Section):
    """Live counts a year on one dataset (over all its releases)."""

    for_each_organisation: Annotated[int, Field(ge=0, le=ORGANISATION_COUNTS)] = ORGANISATION_COUNTS
    for_all_together: Annotated[int, Field(ge=0, le=LINEAGE_COUNTS)] = LINEAGE_COUNTS


class DatasetRule(_Section):
    """The rules of one dataset; None: as for all."""

    searchable: bool | None = None
    organisations: list[str] | None = None
    show_numbers: bool | None = None
    tightened: Annotated[Literal["protected"] | None, Field(alias="class")] = None


class Policy(_Section):
    """A whole policy. The default is what oncofed itself demands, and nothing more."""

    answers: Answers = Answers()
    hours: Hours = Hours()
    budget: Budget = Budget()
    datasets: dict[str, DatasetRule] = {}

    def rule(self, dataset_id: str) -> DatasetRule:
        """What is said about one dataset only."""
        return self.datasets.get(dataset_id, DatasetRule())

    def refusal(self, now: datetime) -> str | None:
        """Why nothing is answered at ``now`` (a code), or None."""
        if not self.answers.enabled:
            return "not-searchable"
        return None if self.hours.include(now) else "outside-hours"

    def searchable(self, dataset_id: str) -> bool:
        """Whether anyone may search the dataset: then it is published."""
        own = self.rule(dataset_id).searchable
        listed = any(fnmatchcase(dataset_id, pattern) for pattern in self.answers.datasets)
        return self.answers.enabled and (listed if own is None else own)

    def lets(self, organisation: str, dataset_id: str) -> bool:
        """Whether ``organisation`` may search the dataset."""
        own = self.rule(dataset_id).organisations
        patterns = self.answers.organisations if own is None else own
        return self.searchable(dataset_id) and any(fnmatchcase(organisation, pattern) for pattern in patterns)

    def dataset_class(self, dataset_id: str, loaded_as: DatasetClass) -> DatasetClass:
        """The class the dataset is treated as: what it was loaded as, or stricter."""
        return DatasetClass.PROTECTED if self.rule(dataset_id).tightened else loaded_as

    def shows(self, dataset_ids: Iterable[str], cells: Mapping[str, int], *, exact: bool = False) -> bool:
        """Whether numbers over the union of these datasets may stand beside the node's name.

        ``cells`` are what leaves the node anyway (noisy for protected data), so this reveals nothing more. Exact
        numbers of open data are shown however small: zero says there that nobody matches.
        """
        rules = [self.rule(dataset_id).show_numbers for dataset_id in dataset_ids]
        allowed = all(self.answers.show_numbers if own is None else own for own in rules)
        smallest = self.answers.smallest_number_shown
        return allowed and (exact or not smallest or sum(cells.values()) >= smallest)

    @property
    def limits(self) -> Limits:
        """The budgets."""
        return Limits(organisation=self.budget.for_each_organisation, lineage=self.budget.for_all_together)


def sentences(policy: Policy) -> list[str]:
    """What the rules amount to, in plain words."""
    if not policy.answers.enabled:
        return ["This node answers nothing."]
    said = [
        f"Datasets that may be searched: {_listed(policy.answers.datasets)}.",
        f"Organisations that may ask: {_listed(policy.answers.organisations)}.",
        f"Answers are given on {_listed(policy.hours.days)} from {policy.hours.start} to {policy.hours.end} "
        f"({policy.hours.time_zone}).",
        f"Each year and dataset, an organisation has {policy.budget.for_each_organisation} live counts, all together "
        f"have {policy.budget.for_all_together}.",
        _shown(policy.answers),
    ]
    return [*said, *(f"{name}: {_exception(rule)}." for name, rule in sorted(policy.datasets.items()))]


def _shown(answers: Answers) -> str:
    if not answers.show_numbers:
        return "Numbers go into totals only."
    if answers.smallest_number_shown:
        return f"Numbers below {answers.smallest_number_shown} go into totals only."
    return "Numbers stand beside this node's name."


def _listed(names: Iterable[str]) -> str:
    said = ["all" if name == "*" else name for name in names]
    return ", ".join(said) if said else "none"


def _exception(rule: DatasetRule) -> str:
    said = []
    if rule.searchable is not None:
        said.append("may be searched" if rule.searchable else "hidden from everyone")
    if rule.organisations is not None:
        said.append(f"only {_listed(rule.organisations)} may ask")
    if rule.show_numbers is not None:
        said.append("numbers are shown" if rule.show_numbers else "numbers go into totals only")
    if rule.tightened:
        said.append("treated as protected")
    return "; ".join(said) if said else "as all others"


def parse(text: str) -> Policy:
    """The policy a text says; ``BadInput(policy-invalid)`` names line and field of what is wrong."""
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput("policy-invalid", f"policy.toml: {error}") from error
    except ValidationError as error:
        raise BadInput("policy-invalid", _complaint(text, error)) from error


def _complaint(text: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    path = [str(part) for part in first["loc"] if not isinstance(part, int)]
    message = {
        "extra_forbidden": "there is no such rule",
        "less_than_equal": "the policy may only be stricter than oncofed itself",
        "greater_than_equal": "the policy may only be stricter than oncofed itself",
    }.get(first["type"], first["msg"].removeprefix("Value error, "))
    line = _line_of(text, path)
    return f"policy.toml{f', line {line}' if line else ''}: “{'.'.join(path)}”: {message}"


def _line_of(text: str, path: list[str]) -> int | None:
    """Number of the line that sets ``path``: the key below its table's header, else the header itself."""
    table, key = path[:-1], path[-1]
    current: list[str] = []
    header: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[([^\]]+)\]", line):
            current = [part.strip(" \"'") for part in match[1].split(".")]
            header = number if current == path else header
        elif current == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return header
