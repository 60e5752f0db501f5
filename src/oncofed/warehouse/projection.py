"""The flat projection of a shard: built once at release time, so that a query touches small integers only.

What it leaves in the shard's database:

``value_set(criterion, id, members)``      every set of recorded values that occurs; id 0 is the empty set (missing)
``set_cell(criterion, id, cell)``          rolled-up cells of each set, for breakdowns and cubes ("missing" for id 0)
``series_kind(kind, <criterion> …)``       every combination of series values that occurs; NULL is missing
``flat_patient(unit, pid, key, release_no, c_<criterion> …)``   one row per patient and release
``flat_study(study, unit, c_<criterion> …)``                    one row per study, with the sets over its series
``flat_series(unit, study, kind)``         one row per study and kind, ordered by kind so that block statistics prune

Sets are gathered as bit words: the values present are numbered, 64 to a word, and ``bit_or`` unites them in one pass.
"""

from dataclasses import dataclass

import duckdb

from oncofed.contracts.criteria import MISSING, Level
from oncofed.contracts.vocabulary import roll_up
from oncofed.warehouse.extraction import (
    CLINICAL_CRITERIA,
    IMAGING_CRITERIA,
    SERIES_CRITERIA,
    STUDY_CRITERIA,
    criteria_of,
    extractions,
)

_WORD = 64
_PATIENT_CRITERIA = criteria_of(Level.PATIENT)
_EVENT_CRITERIA = tuple(name for name in CLINICAL_CRITERIA if name not in _PATIENT_CRITERIA)
_SMALL = 65_536

_THROUGH_CONDITION = " JOIN cancer_condition USING (dataset_id, condition_id)"
_OF_PATIENT = {"cancer_stage": _THROUGH_CONDITION, "treatment": _THROUGH_CONDITION}
"""How rows of a table that does not name the patient reach one."""


@dataclass(frozen=True)
class _Words:
    """The bit words of one criterion: how many, and the names of their columns."""

    criterion: str
    count: int

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{self.criterion}_{number}" for number in range(self.count))


def project(connection: duckdb.DuckDBPyConnection, dataset_ids: tuple[str, ...]) -> None:
    """Build the projection in ``main``. The position in ``dataset_ids`` becomes the release number."""
    run = connection.execute
    run("CREATE TEMP TABLE numbered AS SELECT unnest($1) AS dataset_id, unnest($2) AS no",
        [list(dataset_ids), list(range(len(dataset_ids)))])  # fmt: skip
    run("""CREATE TEMP TABLE unit AS
           SELECT (row_number() OVER (ORDER BY no, patient_key) - 1)::INTEGER AS unit,
                  (dense_rank() OVER (ORDER BY patient_key) - 1)::INTEGER AS pid,
                  ('0x' || patient_key)::UHUGEINT AS key, no::USMALLINT AS release_no, dataset_id, patient_key
           FROM patient JOIN numbered USING (dataset_id)""")
    run("""CREATE TEMP TABLE study AS
           SELECT (row_number() OVER (ORDER BY unit, study_uid) - 1)::INTEGER AS study, unit, s.*
           FROM imaging_study s JOIN unit USING (dataset_id, patient_key)""")
    _kinds(connection)
    _events(connection)
    words = _number_values(connection)
    _study_words(connection, words)
    _unit_words(connection, words)
    _value_sets(connection, words)
    _flat_tables(connection, words)
    for table in ("numbered", "unit", "study", "value_code", "raw_series", "event", "study_words", "unit_words"):
        run(f"DROP TABLE {table}")


def _kinds(connection: duckdb.DuckDBPyConnection) -> None:
    """``series_kind``, and ``raw_series``: every series' study and kind, deduplicated."""
    cells = ", ".join(f"{extractions()[name].cell} AS {name}" for name in SERIES_CRITERIA)
    names = ", ".join(SERIES_CRITERIA)
    same = " AND ".join(f"k.{name} IS NOT DISTINCT FROM v.{name}" for name in SERIES_CRITERIA)
    connection.execute(f"""
        CREATE TEMP TABLE series_value AS
        SELECT dataset_id, study_uid, {names} FROM (SELECT dataset_id, study_uid, {cells} FROM imaging_series)
        GROUP BY ALL""")
    connection.execute(f"""
        CREATE TABLE series_kind AS
        SELECT (row_number() OVER (ORDER BY {names}) - 1)::INTEGER AS kind, *
        FROM (SELECT DISTINCT {names} FROM series_value)""")
    connection.execute(f"""
        CREATE TEMP TABLE raw_series AS
        SELECT study.unit, study.study, k.kind
        FROM series_value v JOIN study USING (dataset_id, study_uid) JOIN series_kind k ON {same}""")
    connection.execute("DROP TABLE series_value")


def _events(connection: duckdb.DuckDBPyConnection) -> None:
    """``event(unit, criterion, value)``: everything recorded about patients beyond their own row and their images."""
    connection.execute(f"""
        CREATE TEMP TABLE event AS
        WITH found AS ({" UNION ALL ".join(_event(name) for name in _EVENT_CRITERIA)})
        SELECT DISTINCT unit, criterion, value FROM found JOIN unit USING (dataset_id, patient_key)
        WHERE value IS NOT NULL""")


def _event(name: str) -> str:
    extraction = extractions()[name]
    joined = extraction.table + _OF_PATIENT.get(extraction.table, "")
    where = extraction.where or "TRUE"
    return (
        f"SELECT dataset_id, patient_key, '{name}' AS criterion, {extraction.cell} AS value FROM {joined} WHERE {where}"
    )


def _number_values(connection: duckdb.DuckDBPyConnection) -> dict[str, _Words]:
    """``value_code``: every value that is present with its word and bit; the words of every criterion."""
    own = (name for name in extractions() if name not in _EVENT_CRITERIA and name not in SERIES_CRITERIA)
    sources = [
        "SELECT criterion, value FROM event",
        *(f"SELECT '{name}', {name} FROM series_kind" for name in SERIES_CRITERIA),
        *(f"SELECT '{name}', {extractions()[name].cell} FROM {extractions()[name].table}" for name in own),
    ]
    connection.execute(f"""
        CREATE TEMP TABLE value_code AS
        SELECT criterion, value, place // {_WORD} AS word, 1::UBIGINT << (place % {_WORD})::UBIGINT AS bit
        FROM (SELECT *, row_number() OVER (PARTITION BY criterion ORDER BY value) - 1 AS place
              FROM (SELECT DISTINCT criterion, value FROM ({" UNION ALL ".join(sources)}) WHERE value IS NOT NULL))""")
    counts = dict(connection.execute("SELECT criterion, max(word) + 1 FROM value_code GROUP BY 1").fetchall())
    return {name: _Words(name, counts.get(name, 0)) for name in extractions()}


def _bits(alias: str, words: _Words) -> list[str]:
    """Columns of the words that one joined row of ``value_code`` (as ``alias``) contributes."""
    return [
        f"CASE WHEN {alias}.word = {number} THEN {alias}.bit ELSE 0::UBIGINT END AS {column}"
        for number, column in enumerate(words.columns)
    ]


def _coded(select: str, table: str, values: dict[str, str], words: dict[str, _Words]) -> str:
    """SQL: ``table`` with the words of each criterion in ``values`` (criterion → SQL of its value in a row)."""
    present = [name for name in values if words[name].count]
    columns = [column for name in present for column in _bits(f"v_{name}", words[name])]
    joins = "".join(
        f" LEFT JOIN (SELECT value, word, bit FROM value_code WHERE criterion = '{name}') v_{name}"
        f" ON v_{name}.value = ({values[name]})"
        for name in present
    )
    return f"SELECT {', '.join([select, *columns])} FROM {table}{joins}"


def _united(names: tuple[str, ...], words: dict[str, _Words], prefix: str = "") -> str:
    """SQL list: each word column or-ed over a group, 0 where nothing is recorded."""
    columns = [column for name in names for column in words[name].columns]
    return "".join(f", coalesce(bit_or({prefix}{column}), 0)::UBIGINT AS {column}" for column in columns)


def _columns(names: tuple[str, ...], words: dict[str, _Words], alias: str) -> str:
    columns = [column for name in names for column in words[name].columns]
    return "".join(f", coalesce({alias}.{column}, 0)::UBIGINT AS {column}" for column in columns)


def _study_words(connection: duckdb.DuckDBPyConnection, words: dict[str, _Words]) -> None:
    """``study_words(study, unit, words of all imaging criteria)``."""
    own = {name: extractions()[name].cell for name in STUDY_CRITERIA if name != "annotation"}
    kinds = _coded("kind", "series_kind", {name: f"series_kind.{name}" for name in SERIES_CRITERIA}, words)
    notes = _coded(
        "study.study", "derived_object JOIN study USING (dataset_id, study_uid)", {"annotation": "kind"}, words
    )
    connection.execute(f"""
        CREATE TEMP TABLE study_words AS
        WITH kind_words AS ({kinds}),
             of_series AS (SELECT study{_united(SERIES_CRITERIA, words)}
                           FROM raw_series JOIN kind_words USING (kind) GROUP BY study),
             of_notes AS (SELECT study{_united(("annotation",), words)} FROM ({notes}) GROUP BY study),
             of_study AS ({_coded("study, unit", "study", own, words)})
        SELECT o.study, o.unit{_columns(tuple(own), words, "o")}{_columns(("annotation",), words, "n")}
               {_columns(SERIES_CRITERIA, words, "s")}
        FROM of_study o LEFT JOIN of_series s USING (study) LEFT JOIN of_notes n USING (study)""")


def _unit_words(connection: duckdb.DuckDBPyConnection, words: dict[str, _Words]) -> None:
    """``unit_words(unit, words of all criteria)``."""
    own = {name: f"p.{extractions()[name].cell}" for name in _PATIENT_CRITERIA}
    events = "".join(
        f", coalesce(bit_or(v.bit) FILTER (v.criterion = '{name}' AND v.word = {number}), 0)::UBIGINT AS {column}"
        for name in _EVENT_CRITERIA
        for number, column in enumerate(words[name].columns)
    )
    connection.execute(f"""
        CREATE TEMP TABLE unit_words AS
        WITH of_events AS (SELECT e.unit{events} FROM event e JOIN value_code v USING (criterion, value)
                           GROUP BY e.unit),
             of_images AS (SELECT unit{_united(IMAGING_CRITERIA, words)} FROM study_words GROUP BY unit),
             of_patient AS ({_coded("unit", "unit JOIN patient p USING (dataset_id, patient_key)", own, words)})
        SELECT p.unit{_columns(_PATIENT_CRITERIA, words, "p")}{_columns(_EVENT_CRITERIA, words, "e")}
               {_columns(IMAGING_CRITERIA, words, "i")}
        FROM of_patient p LEFT JOIN of_events e USING (unit) LEFT JOIN of_images i USING (unit)""")


def _value_sets(connection: duckdb.DuckDBPyConnection, words: dict[str, _Words]) -> None:
    """``value_set`` and ``set_cell``; keeps ``set_<criterion>(words, id)`` for the flat tables."""
    connection.execute("CREATE TABLE value_set (criterion VARCHAR, id INTEGER, members VARCHAR[])")
    connection.execute("CREATE TABLE set_cell (criterion VARCHAR, id INTEGER, cell VARCHAR)")
    for name, word in words.items():
        if not word.count:
            connection.execute("INSERT INTO value_set VALUES ($1, 0, [])", [name])
            continue
        columns, zeros = ", ".join(word.columns), ", ".join("0::UBIGINT" for _ in word.columns)
        studies = f"UNION SELECT {columns} FROM study_words" if name in IMAGING_CRITERIA else ""
        connection.execute(f"""
            CREATE TEMP TABLE set_{name} AS SELECT *, (row_number() OVER (ORDER BY {columns}) - 1)::INTEGER AS id
            FROM (SELECT {zeros} UNION SELECT {columns} FROM unit_words {studies}) AS found({columns})""")
        hit = " OR ".join(f"(v.word = {n} AND (s.{c} & v.bit) <> 0)" for n, c in enumerate(word.columns))
        connection.execute(f"""
            INSERT INTO value_set SELECT '{name}', s.id, list(v.value ORDER BY v.value) FILTER (v.value IS NOT NULL)
            FROM set_{name} s LEFT JOIN (SELECT * FROM value_code WHERE criterion = '{name}') v ON {hit}
            GROUP BY s.id ORDER BY s.id""")
    connection.execute("UPDATE value_set SET members = [] WHERE members IS NULL")
    rows = connection.execute("SELECT criterion, value FROM value_code").fetchall()
    connection.execute(
        "CREATE TEMP TABLE rolled AS SELECT unnest($1) AS criterion, unnest($2) AS value, unnest($3) AS cell",
        [[c for c, _ in rows], [v for _, v in rows], [roll_up(c, v) for c, v in rows]],
    )
    connection.execute(f"""
        INSERT INTO set_cell
        SELECT DISTINCT m.criterion, m.id, r.cell
        FROM (SELECT criterion, id, unnest(members) AS value FROM value_set) m JOIN rolled r USING (criterion, value)
        UNION ALL SELECT criterion, id, '{MISSING}' FROM value_set WHERE id = 0
        ORDER BY ALL""")
    connection.execute("DROP TABLE rolled")


def _identified(
    connection: duckdb.DuckDBPyConnection, names: tuple[str, ...], words: dict[str, _Words]
) -> tuple[str, str]:
    """SQL (columns, joins) that turn the words of table ``w`` into set ids ``c_<criterion>``."""
    columns, joins = [], []
    for name in names:
        if not words[name].count:
            columns.append(f", 0::USMALLINT AS c_{name}")
            continue
        ((sets,),) = connection.execute(f"SELECT count(*) FROM set_{name}").fetchall()
        columns.append(f", s_{name}.id::{'USMALLINT' if sets < _SMALL else 'INTEGER'} AS c_{name}")
        using = " AND ".join(f"s_{name}.{column} = w.{column}" for column in words[name].columns)
        joins.append(f" JOIN set_{name} s_{name} ON {using}")
    return "".join(columns), "".join(joins)


def _flat_tables(connection: duckdb.DuckDBPyConnection, words: dict[str, _Words]) -> None:
    columns, joins = _identified(connection, tuple(words), words)
    connection.execute(f"""
        CREATE TABLE flat_patient AS SELECT unit, u.pid, u.key, u.release_no{columns}
        FROM unit u JOIN unit_words w USING (unit){joins} ORDER BY unit""")
    columns, joins = _identified(connection, IMAGING_CRITERIA, words)
    connection.execute(
        f"CREATE TABLE flat_study AS SELECT study, unit{columns} FROM study_words w{joins} ORDER BY study"
    )
    ((kinds,),) = connection.execute("SELECT count(*) FROM series_kind").fetchall()
    kind = "USMALLINT" if kinds < _SMALL else "INTEGER"
    connection.execute(f"""
        CREATE TABLE flat_series AS
        SELECT unit, study, kind::{kind} AS kind FROM raw_series ORDER BY kind, unit, study""")
    for name, word in words.items():
        if word.count:
            connection.execute(f"DROP TABLE set_{name}")
