"""What a reader must know beside the numbers: notes, what is not recorded, why a node is not in the total. English."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oncofed.contracts.codes import CODES
from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.outcome import NodeState, Note, NotRecorded
from oncofed.contracts.query import Criterion, Query
from oncofed.disclosure.display import Part, estimate
from oncofed.hub.catalogue.shelf import Group
from oncofed.hub.search.plan import HUMAN, NodePlan, criteria_of

SHOWN = 5
"""Names that a sentence lists before it says how many more there are."""


def context(groups: Sequence[Group], query: Query, by: str | None, read: Sequence[str]) -> dict[str, Any]:
    """What is known of a question when it is asked, as JSON: notes, and from the cubes what is not recorded."""
    notes = [Note(code="read-as", text=text) for text in read]
    notes += _about_query(query, by)
    if len({release.dataset_id for group in groups for release in group.releases}) > 1:
        notes.append(
            Note(
                code="counted-twice",
                text="A patient who stands in several datasets or hospitals is counted once in each of them.",
            )
        )
    return {
        "notes": [note.model_dump() for note in notes],
        "not_recorded": [part.model_dump(mode="json") for part in not_recorded(groups, query)],
    }


def _about_query(query: Query, by: str | None) -> list[Note]:
    notes = []
    names = criteria_of(query, by)
    if HUMAN in query.all:
        text = "Only human patients are counted; ask for another species to change that."
        notes.append(Note(code="species-human", text=text))
    if "age_at_imaging" in names:
        text = "The age is that at imaging; the age at diagnosis is a criterion of its own."
        notes.append(Note(code="age-at-imaging", text=text))
    if "derived_body_part" in names:
        text = "A derived body part is that of the dataset's tumours, where the series itself states none."
        notes.append(Note(code="derived-body-part", text=text))
    if by and CRITERIA[by].several:
        text = f"A patient can have several values of “{CRITERIA[by].text}”, so the rows do not add up to a total."
        notes.append(Note(code="values-overlap", text=text))
    if any(isinstance(part, Criterion) and part.negated and not part.or_missing for part in query.all):
        text = "“Not” leaves out patients of whom nothing is recorded; add “or missing” to count them too."
        notes.append(Note(code="not-and-missing", text=text))
    return notes


def not_recorded(groups: Sequence[Group], query: Query) -> list[NotRecorded]:
    """For each criterion that cubes know: how many of the human patients searched it is not recorded for."""
    if HUMAN not in query.all:
        return []
    found = []
    for name in sorted(criteria_of(query)):
        missing, searched = _missing(groups, name)
        if missing:
            found.append(
                NotRecorded(
                    criterion=name,
                    label=CRITERIA[name].label,
                    missing=estimate(missing),
                    searched=estimate(searched),
                )
            )
    return found


def _missing(groups: Iterable[Group], name: str) -> tuple[list[Part], list[Part]]:
    missing, searched = [], []
    for group in groups:
        population = group.cube.population
        for marginal in group.cube.marginals:
            if marginal.criteria == (name,) and population is not None and MISSING in marginal.cells:
                missing.append(Part(marginal.cells[MISSING], marginal.sigma))
                searched.append(Part(population.cells[""], population.sigma))
    return missing, searched


def lacking_everywhere(plans: Iterable[NodePlan]) -> str:
    """Why nobody can be asked: the criteria that no dataset records."""
    lacking = sorted({name for part in plans for names in part.unsupported.values() for name in names})
    if not lacking:
        return "no dataset is published"
    return "no dataset records " + listed([CRITERIA[name].text for name in lacking])


def listed(names: Sequence[str]) -> str:
    """``a, b, c and 4 more``."""
    if len(names) <= SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"


@dataclass(frozen=True)
class Standing:
    """How a node stands, as stored: ``detail`` names what ``code`` is about; ``left_out`` the datasets not counted."""

    state: NodeState
    code: str
    detail: Sequence[str]
    unsupported: Mapping[str, Sequence[str]]
    left_out: Mapping[str, str]


def reason(node: Standing) -> str:
    """Why a node, or some of its datasets, is not in the total, in words; "" where all of it is."""
    if node.state is NodeState.UNSUPPORTED:
        lacking = sorted({name for names in node.unsupported.values() for name in names} or set(node.detail))
        return "not supported here: does not record " + listed([CRITERIA[name].text for name in lacking])
    if node.state is NodeState.ANSWERED:
        return "; ".join(_left_out(node.left_out))
    if node.state is NodeState.WAITING:
        return ""
    if node.code == "node-offline":
        known = node.detail[0] if node.detail else ""
        return f"offline since {datetime.fromisoformat(known):%Y-%m-%d %H:%M} UTC" if known else "offline"
    about = f" ({listed(list(node.detail))})" if node.detail else ""
    return f"{_title(node.code)}{about} [{node.code}]"


def _left_out(left_out: Mapping[str, str]) -> Iterator[str]:
    for code in sorted(set(left_out.values())):
        names = sorted(name for name, why in left_out.items() if why == code)
        yield f"without {listed(names)}: {_title(code)} [{code}]"


def _title(code: str) -> str:
    return CODES[code].title if code in CODES else "the node refused"
