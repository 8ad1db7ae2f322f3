"""Creates the tables of the catalogue and checks their version."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, inspect, select

from rendicom.errors import OptionError
from rendicom.index import schema

_log = logging.getLogger("rendicom.index")


def prepare(connection: Connection) -> None:
    """Create missing tables; those of an earlier version are rebuilt.

    Raises
    ------
    OptionError
        The tables are of a later version, or the file belongs to another program.
    """
    found = _version(connection)
    if found == schema.VERSION:
        # A table may be missing anyway.
        schema.metadata.create_all(connection)
        return
    if found > schema.VERSION:
        raise OptionError(
            f"the index was made by a newer version of Rendicom (index version {found}, this one "
            f"supports {schema.VERSION})",
            hint="use that version, or name another location for the index",
        )
    names = set(inspect(connection).get_table_names())
    is_ours = not names.isdisjoint(schema.metadata.tables)
    if names and not is_ours and connection.dialect.name == "sqlite":
        raise OptionError(
            "the database belongs to another program", hint="name another location for the index"
        )
    if is_ours:
        _log.warning("the index is from an older version of Rendicom: it is rebuilt")
        _drop(connection)
    schema.metadata.create_all(connection)
    connection.execute(schema.meta.insert().values(name="version", value=str(schema.VERSION)))


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema.meta.name):
        return 0
    chosen = select(schema.meta.c.value).where(schema.meta.c.name == "version")
    value = connection.execute(chosen).scalar_one_or_none()
    return int(value) if value is not None and value.isdigit() else 0


def _drop(connection: Connection) -> None:
    """Drop the tables that a scan fills; the record of deleted resources is kept."""
    schema.metadata.drop_all(
        connection, tables=[t for t in schema.metadata.sorted_tables if t is not schema.deleted]
    )
