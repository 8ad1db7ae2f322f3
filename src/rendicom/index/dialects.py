"""SQL that differs between SQLite and PostgreSQL: JSON, patterns and conflicts."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, String, cast, column, func, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql.selectable import FromClause

_LIKE_SPECIAL = re.compile(r"[\\%_]")


class Dialect:
    """Expressions of one kind of database, here of SQLite."""

    insert: Any = staticmethod(sqlite.insert)

    def values(self, container: Any, tag: str, name: str) -> FromClause:
        """Return the values or items of an attribute as a table with a column ``value``."""
        called = func.json_each(container, f'$."{tag}"')
        return called.table_valued("value", name=name, joins_implicitly=True)

    def text(self, value: Any) -> ColumnElement[str]:
        """Return a value of such a table as text."""
        result: ColumnElement[str] = value
        return result

    def is_number(self, value: Any, number: float) -> ColumnElement[bool]:
        """Return the condition that a value of such a table equals a number."""
        result: ColumnElement[bool] = value == literal(number)
        return result

    def is_like(self, text: Any, pattern: str) -> ColumnElement[bool]:
        """Return the condition that a text matches the wildcards ``*`` and ``?`` (PS3.4 C.2.2.2.4).

        Every other character matches itself, case-sensitively.
        """
        # LIKE would ignore the case of ASCII letters.
        escaped = pattern.replace("[", "[[]")
        result: ColumnElement[bool] = text.op("GLOB", is_comparison=True)(escaped)
        return result


class _Postgresql(Dialect):
    insert = staticmethod(postgresql.insert)

    def values(self, container: Any, tag: str, name: str) -> FromClause:
        attribute = container.op("->", return_type=JSONB())(literal(tag, String()))
        called = func.jsonb_array_elements(attribute)
        table = called.table_valued(column("value", JSONB()), name=name, joins_implicitly=True)
        return table.render_derived()

    def text(self, value: Any) -> ColumnElement[str]:
        # The text of a JSON string, without quotes.
        whole = cast([], ARRAY(String))
        result: ColumnElement[str] = value.op("#>>", return_type=String())(whole)
        return result

    def is_number(self, value: Any, number: float) -> ColumnElement[bool]:
        result: ColumnElement[bool] = value == literal(number, JSONB())
        return result

    def is_like(self, text: Any, pattern: str) -> ColumnElement[bool]:
        escaped = _LIKE_SPECIAL.sub(lambda found: "\\" + found[0], pattern)
        result: ColumnElement[bool] = text.like(
            escaped.replace("*", "%").replace("?", "_"), escape="\\"
        )
        return result


_DIALECTS: dict[str, Dialect] = {"sqlite": Dialect(), "postgresql": _Postgresql()}


def dialect_of(kind: str) -> Dialect:
    """Return the dialect of a kind of database."""
    return _DIALECTS[kind]
