"""The hub's replies as DataFrames. What does not fit a cell (totals, notes, who is missing) stands in ``attrs``."""

from typing import TYPE_CHECKING, Any

from oncofed.contracts.outcome import Estimate, Facets, NodeOutcome, Outcome

if TYPE_CHECKING:
    import pandas as pd

NODE_COLUMNS = (
    "node",
    "title",
    "country",
    "state",
    "count",
    "low",
    "high",
    "exact",
    "source",
    "datasets",
    "reason",
)
VALUE_COLUMNS = ("node", "value", "label", "count", "low", "high", "exact")
FACET_COLUMNS = ("criterion", "value", "label", "count", "low", "high", "exact")
DATASET_COLUMNS = (
    "dataset_id", "title", "node", "country", "dataset_class", "programme", "release",
    "patients_low", "patients_high", "series_low", "series_high", "licence", "url",
)  # fmt: skip


def frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> "pd.DataFrame":
    """A DataFrame with exactly ``columns``, whole numbers as nullable integers."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(columns))
    whole = [
        name for name in columns if name in {"count", "low", "high", "datasets"} or name.endswith(("_low", "_high"))
    ]
    return table.astype(dict.fromkeys(whole, "Int64"))


def outcome_table(outcome: Outcome) -> "pd.DataFrame":
    """One row a node, or with a breakdown one row a value: first the sums (``node`` is ""), then the nodes that show.

    ``attrs``: ``total`` and ``interval`` (95 %), ``text``, ``sentence``, ``notes``, ``unanswered`` (node → reason),
    ``not_recorded``, ``budget_left``, ``complete``, ``url``.
    """
    if outcome.by is None:
        table = frame([_node_row(node) for node in outcome.nodes], NODE_COLUMNS)
    else:
        table = frame(_value_rows(outcome), VALUE_COLUMNS)
    table.attrs.update(_attributes(outcome))
    return table


def _numbers(estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {"count": None, "low": None, "high": None, "exact": None}
    return {
        "count": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "exact": estimate.exact,
    }


def _node_row(node: NodeOutcome) -> dict[str, Any]:
    return {
        "node": node.node,
        "title": node.title,
        "country": node.country,
        "state": node.state.value,
        "source": "+".join(source.value for source in node.sources),
        "datasets": node.datasets,
        "reason": node.reason,
        **_numbers(node.estimate),
    }


def _value_rows(outcome: Outcome) -> list[dict[str, Any]]:
    parts = [
        ("", outcome.values),
        *((node.node, node.values) for node in outcome.nodes),
    ]
    return [
        {"node": name, "value": row.value, "label": row.label, **_numbers(row.estimate)}
        for name, values in parts
        for row in values
    ]


def _attributes(outcome: Outcome) -> dict[str, Any]:
    total = outcome.total
    return {
        "total": total.value if total else None,
        "interval": (total.low, total.high) if total else None,
        "total_text": total.text if total else "",
        "text": outcome.text,
        "sentence": outcome.sentence,
        "notes": [note.text for note in outcome.notes],
        "unanswered": {node.node: node.reason for node in outcome.unanswered},
        "not_recorded": {part.criterion: part.missing.value for part in outcome.not_recorded},
        "budget_left": outcome.budget_left,
        "complete": outcome.complete,
        "url": outcome.url,
    }


def facets_table(facets: Facets) -> "pd.DataFrame":
    """One row a value of a criterion that the cubes can count; ``attrs["live_only"]`` names the other criteria."""
    rows = [
        {
            "criterion": facet.criterion,
            "value": row.value,
            "label": row.label,
            **_numbers(row.estimate),
        }
        for facet in facets.facets
        if facet.available
        for row in facet.values
    ]
    table = frame(rows, FACET_COLUMNS)
    table.attrs.update(
        total=facets.total.value if facets.total else None,
        sentence=facets.sentence,
        live_only=[facet.criterion for facet in facets.facets if not facet.available],
    )
    return table


def datasets_table(datasets: list[dict[str, Any]]) -> "pd.DataFrame":
    """One row a dataset; sizes are the bands its node publishes (``low`` <= n < ``high``)."""
    return frame(
        [{name: dataset.get(name) for name in DATASET_COLUMNS} for dataset in datasets],
        DATASET_COLUMNS,
    )
