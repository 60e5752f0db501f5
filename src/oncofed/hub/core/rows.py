"""Reading, adding and changing rows where every answer of every node passes: the ORM's rows without its query builder.

Composing a statement costs Django about a millisecond, several times what the database takes for it. These few write
plain SQL from the models' own columns, and convert values as the models do.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


@cache
def _columns(model: type[models.Model], names: tuple[str, ...] = ()) -> "tuple[models.Field[Any, Any], ...]":
    """All plain columns of the model, or those named."""
    fields = model._meta.concrete_fields
    if not names:
        return fields
    known = {field.name: field for field in fields}
    return tuple(known[name] for name in names)


def _name(field: "models.Field[Any, Any]") -> str:
    """The field's column; relations to many have none, and are no concrete fields."""
    if field.column is None:
        raise TypeError(f"{field.name} is no column")
    return field.column


def rows_where(model: type[M], condition: str, values: Sequence[object]) -> list[M]:
    """The rows for which the SQL ``condition`` (with ``%s`` for each value) holds."""
    quote = connection.ops.quote_name
    listed = ", ".join(quote(_name(field)) for field in _columns(model))
    table = quote(model._meta.db_table)
    return list(model._default_manager.raw(f"SELECT {listed} FROM {table} WHERE {condition}", values))  # noqa: S608


def places(values: Sequence[object]) -> str:
    """``(%s, %s, …)`` for an IN over the values; nothing is in an empty one."""
    return f"({', '.join(['%s'] * len(values))})" if values else "(NULL)"


def add_all(rows: Iterable[models.Model]) -> None:
    """Insert rows (all of one model) whose keys the database makes; the keys are not read back."""
    listed = list(rows)
    if not listed:
        return
    meta = listed[0]._meta
    columns = [field for field in _columns(type(listed[0])) if not field.primary_key]
    quote = connection.ops.quote_name
    names = ", ".join(quote(_name(field)) for field in columns)
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in columns] for row in listed]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quote(meta.db_table)} ({names}) VALUES {places(columns)}",  # noqa: S608 - the model's names
            values,
        )


def update_each(rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Store the named fields of the rows (all of one model), each row its own values."""
    if not rows:
        return
    model = type(rows[0])
    columns = _columns(model, tuple(fields))
    key = next(field for field in _columns(model) if field.primary_key)
    quote = connection.ops.quote_name
    assignments = ", ".join(f"{quote(_name(field))} = %s" for field in columns)
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in (*columns, key)] for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {quote(model._meta.db_table)} SET {assignments} WHERE {quote(_name(key))} = %s",  # noqa: S608
            values,
        )
