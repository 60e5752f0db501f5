"""What a mapping file may say: the schema of the YAML, and everything about it that can be checked without the data.

A mapping is declarative: it names relations (files, sheets, tables, FHIR resources) of a source and says, table by
table of the common data model, from which of their columns each value comes and through which code map, unit or date it
passes. It cannot run code and cannot copy free text: a text column of the model takes a constant, a mapped code, a
vocabulary, or codes of a named shape.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.vocabulary import vocabulary_names
from oncofed.prepare.mapping.codes import CODE_SHAPES, CodeMapSpec
from oncofed.warehouse.schema import TABLES, Column

TARGETS = tuple(name for name, table in TABLES.items() if table.patients)
"""Tables of the model a mapping can fill."""

Scalar = str | int | float | bool


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _as_expression(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


class Expression(_Part):
    """Where one value comes from (exactly one of ``column``, ``value``, ``first``, ``sum``) and what becomes of it."""

    column: str | None = None
    value: Scalar | None = None
    first: "tuple[Given, ...]" = ()
    sum: "tuple[Given, ...]" = ()

    map: str | None = None
    vocabulary: str | None = None
    codes: str | None = None
    unit: str | None = None
    unit_column: str | None = None
    to: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    cap: float | None = None
    nothing: float | None = None
    """A number that stands for *not recorded* (999, or a duration of 0)."""
    steps: dict[float, str] = {}
    """A number as a code: that of the greatest bound it reaches."""
    read: Literal["number", "boolean", "offset", "year", "age", "days"] | None = Field(default=None, alias="as")
    at: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Expression":
        origins = [self.column is not None, self.value is not None, bool(self.first), bool(self.sum)]
        if sum(origins) != 1:
            raise ValueError("needs exactly one of column, value, first, sum")
        ways = [self.map, self.vocabulary, self.codes, self.read if self.read != "number" else None]
        if sum(way is not None for way in ways) > 1:
            raise ValueError("takes only one of map, vocabulary, codes, as")
        if self.vocabulary is not None and self.vocabulary not in vocabulary_names():
            raise ValueError(f"there is no vocabulary “{self.vocabulary}”")
        if self.codes is not None and self.codes not in CODE_SHAPES:
            raise ValueError(f"there is no shape of codes “{self.codes}”; known: {', '.join(CODE_SHAPES)}")
        if (self.read in ("age", "days")) != (self.at is not None):
            raise ValueError("“as: age” (or days) and “at” (the column of the later date) belong together")
        if self.steps and any(way is not None for way in ways):
            raise ValueError("steps are for numbers")
        if (self.unit or self.unit_column) and not self.to:
            raise ValueError("a unit needs “to”, the unit the model keeps")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the source this value depends on."""
        own = (self.column, self.unit_column, self.at)
        return (*(name for name in own if name), *(name for part in (*self.first, *self.sum) for name in part.columns))

    @property
    def dates(self) -> tuple[str, ...]:
        """Those of the columns that are read as dates."""
        own = (self.column, self.at) if self.read in ("offset", "year", "age", "days") else ()
        return (*(name for name in own if name), *(name for part in (*self.first, *self.sum) for name in part.dates))

    @property
    def parts(self) -> "tuple[Expression, ...]":
        """The expression itself and all inside it."""
        return (self, *(inner for part in (*self.first, *self.sum) for inner in part.parts))


Given = Annotated[Expression, BeforeValidator(_as_expression)]


class Condition(_Part):
    """One thing that must hold of a row for a rule to use it."""

    column: str
    is_in: tuple[str, ...] | None = Field(default=None, alias="in")
    not_in: tuple[str, ...] | None = None
    any_of: tuple[str, ...] | None = None
    """The cell lists several codes separated by spaces; one of these must be among them."""
    present: bool | None = None
    map: str | None = None
    """The code map of this name knows the value, and that it says something."""

    @model_validator(mode="after")
    def _one_test(self) -> "Condition":
        given = (self.is_in, self.not_in, self.any_of, self.present, self.map)
        if sum(test is not None for test in given) != 1:
            raise ValueError("needs exactly one of in, not_in, any_of, present, map")
        return self


class Join(_Part):
    """Columns of another relation beside this one's: they are named ``relation.column``."""

    relation: str
    on: dict[str, str]
    """Column here → column there."""


class Rule(_Part):
    """Rows of one table of the model from the rows of one relation."""

    relation: str = Field(alias="from")
    patient: str | None = None
    name: str = ""
    key: tuple[Given, ...] = ()
    """Columns (or what becomes of them) that make one row of the model; rows of the source with the same are joined."""
    earliest: str = ""
    """A date: of rows with one key, the earliest comes first (else the first of the source)."""
    condition: str = ""
    """Name of the ``cancer_condition`` rule whose row this row belongs to; “none” for the person as a whole."""
    condition_key: tuple[str, ...] = ()
    criterion: str = ""
    join: tuple[Join, ...] = ()
    when: tuple[Condition, ...] = ()
    columns: dict[str, Given] = {}
    each: tuple[dict[str, Any], ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        """Every column of the source the rule names."""
        own = [*self.condition_key, *(test.column for test in self.when), *filter(None, [self.earliest])]
        own += [name for expression in self.key for name in expression.columns]
        own += [name for join in self.join for name in join.on]
        own += [self.patient] if self.patient else []
        return (*own, *(name for expression in self.columns.values() for name in expression.columns))


class Relation(_Part):
    """One relation of the source. What ``file``, ``sheet`` and ``table`` mean depends on the format."""

    file: str = ""
    sheet: str = ""
    table: str = ""
    quote: Literal['"', ""] = '"'
    """What stands around a cell of a text file that holds the separator; "" for nothing."""
    header: int = Field(default=1, ge=1, le=1000)
    """The line of a text file or row of a sheet that holds the heading; what stands above it is no data."""
    optional: bool = False
    optional_columns: tuple[str, ...] = ()
    """Columns that may be absent; “*” for any."""
    ignored: dict[str, str] = {}
    """Columns left out knowingly → why."""
    passed_over: tuple[Condition, ...] = ()
    """Rows left out knowingly: those for which one of these holds."""
    row_of: str = ""
    """Derived: this relation has the rows of that one …"""
    group: tuple[str, ...] = ()
    """… grouped by these columns, each other column by its first value that is recorded …"""
    when: tuple[Condition, ...] = ()
    """… where these conditions hold."""


class VocabularyTables(_Part):
    """Where OMOP's own vocabulary stands: in the layout of Athena unless said; what is absent is not used."""

    concept: Relation = Relation(table="concept", quote="")
    concept_relationship: Relation = Relation(table="concept_relationship", quote="")
    concept_ancestor: Relation = Relation(table="concept_ancestor", quote="")


class SourceSpec(_Part):
    """The source: its format, its relations, how it writes what is missing, dates and decimals."""

    format: Literal["csv", "excel", "parquet", "sqlite", "duckdb", "sql", "redcap", "eform", "fhir", "omop"]
    relations: dict[str, Relation] = {}
    folder: str = Field("", pattern=r"[\w-]*")
    """Of a source that is a folder: where in it the relations' files stand, if there is such a folder."""
    vocabulary: VocabularyTables | None = None
    missing: tuple[str, ...] = ()
    dates: tuple[str, ...] = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y%m%d")
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "windows-1252", "utf-16"] = "utf-8"
    delimiter: str = ""


class Index(_Part):
    """The day from which offsets count (the diagnosis): per patient the earliest date of a column."""

    relation: str
    column: str
    patient: str | None = None
    when: tuple[Condition, ...] = ()


class Mapping(_Part):
    """A whole mapping file, ``extends`` resolved and ``each`` written out."""

    mapping: Literal["oncofed/1"]
    name: str = Field(pattern=r"[a-z0-9][a-z0-9-]{0,63}")
    version: str
    title: str
    about: str = ""
    shape: Literal["published", "own-reading", "site"] = "site"
    """Whether the source's shape is a published one, our own reading of what is known, or one hospital's."""
    disputed: Literal["published", "labels", "leave-out"] = "published"
    """What a value means whose code book contradicts itself."""
    source: SourceSpec
    patient: str | None = None
    index: tuple[Index, ...] = ()
    code_maps: dict[str, CodeMapSpec] = {}
    tables: dict[str, tuple[Rule, ...]]

    @model_validator(mode="after")
    def _consistent(self) -> "Mapping":
        if "patient" not in self.tables:
            raise ValueError("tables: nothing fills the table patient")
        for name, relation in self.source.relations.items():
            if relation.row_of and relation.row_of not in self.source.relations:
                raise ValueError(f"relation {name} is made of “{relation.row_of}”, which does not exist")
        for entry in self.index:
            if entry.relation not in self.source.relations:
                raise ValueError(f"index: there is no relation “{entry.relation}”")
        for table, rule in self.rules():
            _check_rule(self, table, rule)
        for test in self.conditions():
            if test.map is not None and test.map not in self.code_maps:
                raise ValueError(f"a condition on {test.column}: there is no code map “{test.map}”")
        return self

    def conditions(self) -> Iterator[Condition]:
        """Every condition of the mapping."""
        for relation in self.source.relations.values():
            yield from (*relation.when, *relation.passed_over)
        for entry in self.index:
            yield from entry.when
        for _, rule in self.rules():
            yield from rule.when

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """(table, rule) in the model's order of tables."""
        for table in self.tables:
            if table not in TARGETS:
                raise ValueError(f"the model has no table “{table}” to fill")
        for table in TARGETS:
            for rule in self.tables.get(table, ()):
                yield table, rule

    def relations_used(self) -> set[str]:
        """Relations that a rule, an index or another relation is made from."""
        rules = [rule for _, rule in self.rules()]
        joined = {join.relation for rule in rules for join in rule.join}
        made_of = {relation.row_of for relation in self.source.relations.values()}
        return {rule.relation for rule in rules} | joined | made_of | {entry.relation for entry in self.index}

    def columns_needed(self) -> dict[str, set[str]]:
        """Relation → the columns that rules and indices name of it (those of joined relations by their own names)."""
        needed: dict[str, set[str]] = {name: set() for name in self.source.relations}
        for _, rule in self.rules():
            needed[rule.relation].update([self.patient] if self.patient and not rule.patient else [])
            joined = {join.relation: join for join in rule.join}
            for name in rule.needed:
                relation, _, inner = name.partition(".")
                needed[relation if relation in joined else rule.relation].add(inner if relation in joined else name)
            for join in rule.join:
                needed[join.relation].update(join.on.values())
        for entry in self.index:
            patient = entry.patient or self.patient
            needed[entry.relation].update(
                [entry.column, *(test.column for test in entry.when), *filter(None, [patient])]
            )
        for name, derived in self.source.relations.items():
            needed[name].update(test.column for test in derived.passed_over if needed[name])
            if derived.row_of:
                own = {*derived.group, *(test.column for test in derived.when)}
                needed[derived.row_of].update(needed[name] | own)
        return needed

    def dates_needed(self) -> dict[str, set[str]]:
        """Relation → its columns (in lower case) that are read as dates."""
        needed: dict[str, set[str]] = {name: set() for name in self.source.relations}
        for _, rule in self.rules():
            joined = {join.relation for join in rule.join}
            dates = [one for expression in (*rule.columns.values(), *rule.key) for one in expression.dates]
            for name in (*dates, *filter(None, [rule.earliest])):
                relation, _, inner = name.partition(".")
                there = (relation, inner) if relation in joined else (rule.relation, name)
                needed[there[0]].add(there[1].casefold())
        for entry in self.index:
            needed[entry.relation].add(entry.column.casefold())
        for name, derived in self.source.relations.items():
            if derived.row_of:
                needed[derived.row_of].update(needed[name])
        return needed

    def condition_names(self) -> dict[str, Rule]:
        """The rules of ``cancer_condition`` by name ("primary" where none is given)."""
        return {rule.name or "primary": rule for rule in self.tables.get("cancer_condition", ())}


def model_column(table: str, name: str) -> Column:
    """The column of the model; ``ValueError`` if there is none that a mapping may fill."""
    for column in TABLES[table].columns:
        if column.name == name and name not in ("dataset_id",):
            return column
    raise ValueError(f"table {table} has no column “{name}”")


def _check_rule(mapping: Mapping, table: str, rule: Rule) -> None:
    where = f"{table} from {rule.relation}"
    if rule.relation not in mapping.source.relations:
        raise ValueError(f"{where}: there is no relation “{rule.relation}”")
    for join in rule.join:
        if join.relation not in mapping.source.relations:
            raise ValueError(f"{where}: there is no relation “{join.relation}” to join")
    if not (rule.patient or mapping.patient) and "patient_key" not in rule.columns:
        raise ValueError(f"{where}: no column names the patient")
    if rule.condition not in ("", "none", *mapping.condition_names()):
        raise ValueError(f"{where}: there is no cancer_condition rule named “{rule.condition}”")
    if rule.criterion and rule.criterion not in CRITERIA:
        raise ValueError(f"{where}: there is no criterion “{rule.criterion}”")
    for name, expression in rule.columns.items():
        coded = bool(rule.criterion) and name in ("value", "value_code")
        _check_expression(mapping, f"{where}, {name}", model_column(table, name), expression, coded=coded)


def _check_expression(mapping: Mapping, where: str, column: Column, expression: Expression, *, coded: bool) -> None:
    for part in expression.parts:
        if part.map is not None and part.map not in mapping.code_maps:
            raise ValueError(f"{where}: there is no code map “{part.map}”")
    text = column.type == "VARCHAR" and not column.pseudonym and not coded
    for part in expression.parts if text else ():
        closed = part.map or part.vocabulary or part.codes or part.steps or column.criterion
        if part.column is not None and not closed and not (expression.map or expression.steps):
            raise ValueError(f"{where}: free text is never stored; give map, vocabulary or codes")


Expression.model_rebuild()
