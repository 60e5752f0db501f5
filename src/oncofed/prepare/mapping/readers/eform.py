"""E-forms: a JSON list of subjects, each with pages of fields (CHAIMELEON's ``eforms.json``).

``[{"subjectName": …, "eForm": {"pages": [{"page_name": …, "page_data": {field: {"value": …}}}]}}]``. A relation
without a ``sheet`` has one row a subject and the columns ``page.field`` (of a page's first occurrence); one with the
name of a page as ``sheet`` has a row for every occurrence of that page and its fields as columns. Both have the column
``subject``.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping.readers.raw import Raw, cell_text, fill_texts
from oncofed.prepare.mapping.spec import SourceSpec

_LARGEST = 2_000_000_000


def read_eform(connection: duckdb.DuckDBPyConnection, spec: SourceSpec, path: Path) -> Raw:
    """The relations of e-forms in a file or folder. Raises ``BadInput`` ``source-unreadable``."""
    entries = list(_entries(path))
    subjects = [one for one in entries if isinstance(one, dict) and "eForm" in one]
    raw = Raw(unread={"Entry": len(entries) - len(subjects)} if len(entries) > len(subjects) else {})
    for name, relation in spec.relations.items():
        if relation.row_of:
            continue
        rows = [row for subject in subjects for row in _rows(subject, relation.sheet)]
        if rows or not relation.sheet:
            _fill(connection, f"raw_{name}", rows)
            raw.tables[name] = f"raw_{name}"
    return raw


def _entries(path: Path) -> Iterator[Any]:
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    for file in files:
        try:
            if file.stat().st_size > _LARGEST:
                raise ValueError("too large")
            given = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise BadInput("source-unreadable", f"{file.name} is no JSON") from error
        yield from given if isinstance(given, list) else [given]


def _rows(subject: dict[str, Any], page: str) -> Iterator[dict[str, str]]:
    name = cell_text(subject.get("subjectName"))
    wide: dict[str, str] = {"subject": name}
    for title, fields in _pages(subject["eForm"]):
        if page and title == page:
            yield {"subject": name, **fields}
        for field, value in fields.items() if not page else ():
            wide.setdefault(f"{title}.{field}", value)
    if not page:
        yield wide


def _pages(form: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Pages as a list with names, or as a dictionary by name; fields with or without ``value``."""
    pages = form.get("pages", form.get("page_data", ())) if isinstance(form, dict) else ()
    pages = pages or ()
    listed = [(name, fields) for name, fields in pages.items()] if isinstance(pages, dict) else [
        (page.get("page_name"), page.get("page_data")) for page in pages if isinstance(page, dict)
    ]  # fmt: skip
    for name, fields in listed:
        if isinstance(fields, dict):
            yield cell_text(name), {str(field): _value(value) for field, value in fields.items()}


def _value(given: Any) -> str:
    value = given.get("value") if isinstance(given, dict) else given
    if isinstance(value, list):
        return " ".join(cell_text(one) for one in value if not isinstance(one, dict | list))
    return "" if isinstance(value, dict) else cell_text(value)


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, str]]) -> None:
    columns: dict[str, str] = {"subject": "subject"}
    for row in rows:
        for name in row:
            columns.setdefault(name.casefold(), name)
    cells = ([{k.casefold(): v for k, v in row.items()}.get(folded, "") for folded in columns] for row in rows)
    fill_texts(connection, table, list(columns.values()), cells)
