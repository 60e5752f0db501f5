"""One rule as one question: which rows of the source it takes, what each column becomes, and what can be wrong."""

from dataclasses import dataclass
from typing import Any

import duckdb

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping.expressions import (
    Problem,
    Scope,
    Value,
    as_date,
    compile_value,
    conditions_sql,
    literal,
)
from oncofed.prepare.mapping.loading import Loaded
from oncofed.prepare.mapping.readers import Opened
from oncofed.prepare.mapping.spec import Expression, Rule, model_column
from oncofed.warehouse.extraction import OBSERVATION_CODES
from oncofed.warehouse.schema import TABLES, Column

NUMBERED = {"cancer_condition": "condition_id", "cancer_stage": "stage_id", "observation": "observation_id",
            "treatment": "treatment_id"}  # fmt: skip
"""Tables whose rows the engine numbers."""

_CATEGORIES = {
    "er": "TUMOR_MARKER",
    "pr": "TUMOR_MARKER",
    "her2": "TUMOR_MARKER",
    "ki67": "TUMOR_MARKER",
    "psa": "TUMOR_MARKER",
    "ecog": "PERFORMANCE",
    "gleason": "GRADE",
    "isup": "GRADE",
    "bi_rads": "IMAGING_ASSESSMENT",
    "pi_rads": "IMAGING_ASSESSMENT",
    "breast_density": "IMAGING_ASSESSMENT",
}
PLACES = 10**12
"""Rows are ordered by the place of their rule, then by their number in the source: place × this + number."""

_CODE = Column("code", "VARCHAR")
_SEPARATOR = "chr(31)"


@dataclass(frozen=True)
class Compiled:
    """A rule in SQL. ``stands``: the row can be a row of the model; ``rejected``: it says something but cannot."""

    relation: str
    source: str
    where: str
    outputs: dict[str, str]
    stands: str
    rejected: str
    problems: tuple[tuple[str, Problem], ...]


def compile_rule(
    connection: duckdb.DuckDBPyConnection, loaded: Loaded, opened: Opened, table: str, rule: Rule
) -> Compiled:
    """The rule against an opened source. Raises ``BadInput`` where it names what the source does not have."""
    scope = Scope(connection, loaded, rule, opened.tables, opened.columns, opened.left)
    if rule.relation not in opened.tables:
        raise BadInput("mapping-relation-missing", f"the source has no relation “{rule.relation}”")
    scope.open_joins()
    scope.where = conditions_sql(rule.when, scope.column)
    mapping = loaded.mapping
    identifier = rule.patient or mapping.patient
    patient = scope.column(identifier) if identifier else "NULL"
    expressions = _with_defaults(table, rule)
    if any(part.read == "offset" for one in expressions.values() for part in one.parts):
        scope.joins.append(f"LEFT JOIN index_day i ON i.patient = {patient}")
    values = {name: compile_value(scope, one, model_column(table, name)) for name, one in expressions.items()}
    _open_tables(connection, table)
    return _assembled(scope, table, rule, patient, values)


def _with_defaults(table: str, rule: Rule) -> dict[str, Expression]:
    """The rule's columns and what goes without saying: the codes of a criterion, the kind of a condition."""
    given: dict[str, Any] = {}
    name = rule.criterion
    if table == "cancer_condition":
        given["kind"] = "primary"
    if table == "imaging_series":
        given["pixel_deid_status"] = "unchecked"
    if table == "observation" and name in OBSERVATION_CODES:
        system, code = OBSERVATION_CODES[name]
        given |= {"category": _CATEGORIES[name], "code_system": system, "code": code}
    if table == "cancer_stage" and name:
        axis = {"timing": name[0], "axis": name[1].upper()} if name != "stage" else {"axis": "group"}
        given |= {"system": "TNM8", **axis}
    bands = CRITERIA[name].bands if name else None
    if table == "observation" and "value_number" in rule.columns:
        unit = rule.columns["value_number"].to or (bands.unit if bands else None)
        given |= {"value_unit": unit} if unit else {}
    return {column: Expression(value=value) for column, value in given.items()} | dict(rule.columns)


def _open_tables(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """The empty table the rule's rows go into, with what is needed to join them later."""
    numbered = NUMBERED.get(table)
    columns = [
        f'"{column.name}" {column.type}'
        for column in TABLES[table].columns
        if column.name not in ("dataset_id", numbered, "condition_id")
    ]
    columns += ["_key VARCHAR", "_condition VARCHAR", "_patient VARCHAR", "_order BIGINT"]
    connection.execute(f"CREATE TABLE IF NOT EXISTS out_{table} ({', '.join(columns)})")


def _text(parts: list[str]) -> str:
    return f"concat_ws({_SEPARATOR}, {', '.join(parts)})"


def _assembled(scope: Scope, table: str, rule: Rule, patient: str, values: dict[str, Value]) -> Compiled:
    outputs = {name: value.sql for name, value in values.items()}
    columns = {column.name: column for column in TABLES[table].columns}
    if "patient_key" in columns and "patient_key" not in outputs:
        outputs["patient_key"] = patient
    outputs["_patient"] = patient
    keys = [_key_part(scope, one) for one in rule.key] or [patient]
    name = rule.name or "primary"
    if table == "cancer_condition":
        outputs["_key"] = _text([literal(name), *keys])
    elif rule.key:
        outputs["_key"] = _text([literal(str(_place(scope, table, rule))), *keys])
    wanted = _condition_name(scope.loaded, table, rule)
    if wanted:
        behind = [scope.column(one) for one in rule.condition_key] or [patient]
        outputs["_condition"] = _text([literal(wanted), *behind])
    order = "r._row"
    if rule.earliest:
        order = f"row_number() OVER (ORDER BY {as_date(scope.column(rule.earliest))} NULLS LAST, r._row)"
    outputs["_order"] = f"{order} + {_place(scope, table, rule) * PLACES}"
    required = _required(table, outputs)
    missing = " OR ".join(f"({outputs[one]}) IS NULL" for one in required) or "FALSE"
    if measured := [f"({outputs[one]}) IS NULL" for one in ("value_number", "value_code") if one in values]:
        missing = f"({missing}) OR ({' AND '.join(measured)})"
    silent = _nothing_said(table, values, outputs, required)
    problems = [(target, problem) for target, value in values.items() for problem in value.problems]
    incomplete = Problem("row-incomplete", f"({missing}) AND NOT ({silent})", "", "")
    return Compiled(
        rule.relation, scope.source, scope.where, outputs, f"NOT ({missing})", incomplete.when,
        (*problems, ("", incomplete)),
    )  # fmt: skip


def _key_part(scope: Scope, expression: Expression) -> str:
    """A column of the key as it stands, or its code."""
    plain = expression == Expression(column=expression.column)
    return scope.column(expression.column or "") if plain else compile_value(scope, expression, _CODE).sql


def _place(scope: Scope, table: str, rule: Rule) -> int:
    """The rule's place among those of its table: rows of an earlier rule come before those of a later one."""
    rules = scope.loaded.mapping.tables[table]
    return next(place for place, one in enumerate(rules) if one is rule)


def _condition_name(loaded: Loaded, table: str, rule: Rule) -> str:
    """Which condition a row belongs to: the one named, or the only one there is."""
    if table == "cancer_condition" or all(column.name != "condition_id" for column in TABLES[table].columns):
        return ""
    known = loaded.mapping.condition_names()
    if rule.condition:
        return "" if rule.condition == "none" else rule.condition
    if len(known) == 1:
        return next(iter(known))
    if table in ("cancer_stage", "treatment"):
        raise BadInput("mapping-invalid", f"a rule of {table} names no condition, and there are {len(known)}")
    return ""


def _required(table: str, outputs: dict[str, str]) -> list[str]:
    """Columns without which there is no row; every one must come from somewhere."""
    numbered = NUMBERED.get(table)
    needed = [
        column.name
        for column in TABLES[table].columns
        if column.required and column.name not in ("dataset_id", "condition_id", numbered)
    ]
    if absent := [name for name in needed if name not in outputs]:
        raise BadInput("mapping-invalid", f"a rule of {table} does not say what {', '.join(absent)} is")
    return needed


def _nothing_said(table: str, values: dict[str, Value], outputs: dict[str, str], required: list[str]) -> str:
    """SQL: the source records nothing that this row is about, so that no row is no loss.

    Identifiers and offsets do not count: every row of the source has those.
    """
    about = {"value_number", "value_code"} & set(values) if table == "observation" else set(values)
    telling = {
        name: values[name].recorded
        for name in sorted(about)
        if values[name].recorded != "FALSE" and not name.endswith(("offset_days", "_key", "_uid"))
    }
    said = " OR ".join(f"({recorded})" for recorded in telling.values()) or "TRUE"
    if "patient_key" in required:
        said = f"({said}) OR ({outputs['patient_key']}) IS NULL"
    return f"NOT ({said})"
