"""The tables of the catalogue, the same in SQLite and PostgreSQL.

A row of ``file`` is one scanned file, also one that is not an instance, so that it is not opened
again at every scan. Its path is the path of its folder, a separator and its name; keys of object
stores are split in the same way. Text is compared by code points in both databases.
"""

from __future__ import annotations

import logging

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    inspect,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from rendicom.errors import OptionError
from rendicom.storage.names import escaped, unescaped

_log = logging.getLogger("rendicom.index")

VERSION = 3
"""Version of the tables and of the attributes read into them. Older ones are rebuilt."""

NO_NUMBER = 1 << 53
"""Stands for a missing number; sorts last."""

INSTANCE, FOREIGN, BROKEN, DELETED = range(4)
"""Kinds of file: an instance, not DICOM, DICOM that cannot be listed, deleted instance."""

metadata = MetaData()

_text = Text().with_variant(Text(collation="C"), "postgresql")


class _Name(TypeDecorator[str]):
    """Names of files, which may not be valid Unicode."""

    impl = _text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the stored form."""
        return None if value is None else escaped(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the name."""
        return None if value is None else unescaped(value)


_name = _Name()
_json = JSON().with_variant(JSONB(), "postgresql")
_key = BigInteger().with_variant(Integer, "sqlite")


def _plain(name: str, kind: TypeEngine[str] = _text) -> Column[str]:
    return Column(name, kind, nullable=False, server_default="")


STUDY_TAGS = {
    "patient_id": 0x00100020,
    "patient_name": 0x00100010,
    "study_date": 0x00080020,
    "study_time": 0x00080030,
    "accession_number": 0x00080050,
    "study_id": 0x00200010,
    "referring": 0x00080090,
}
"""Columns of a study that hold the first value of an attribute, by name."""
PERSON_COLUMNS = ("patient_name", "referring")
"""Those of person names, which are folded for comparison."""

meta = Table(
    "rendicom_index",
    metadata,
    Column("name", _text, primary_key=True),
    Column("value", _text, nullable=False),
)

study = Table(
    "rendicom_study",
    metadata,
    Column("id", _key, primary_key=True),
    Column("uid", _text, nullable=False, unique=True),
    # UID and location of the instance that the attributes come from.
    _plain("source", _name),
    _plain("stamp"),
    _plain("patient_id"),
    _plain("patient_name"),
    _plain("study_date"),
    _plain("study_time"),
    _plain("accession_number"),
    _plain("study_id"),
    _plain("referring"),
    Column("more", _json, nullable=False, default=dict),
    Index("rendicom_study_by_patient", "patient_id"),
    Index("rendicom_study_by_date", "study_date", "uid"),
    Index("rendicom_study_by_accession", "accession_number"),
    sqlite_autoincrement=True,
)

series = Table(
    "rendicom_series",
    metadata,
    Column("id", _key, primary_key=True),
    Column("study", _key, ForeignKey("rendicom_study.id"), nullable=False),
    Column("uid", _text, nullable=False),
    _plain("source", _name),
    _plain("stamp"),
    Column("number", BigInteger, nullable=False, default=NO_NUMBER),
    _plain("modality"),
    Column("instances", Integer, nullable=False, default=0),
    Column("more", _json, nullable=False, default=dict),
    UniqueConstraint("study", "uid"),
    Index("rendicom_series_by_uid", "uid"),
    Index("rendicom_series_by_modality", "modality", "study"),
    sqlite_autoincrement=True,
)

folder = Table(
    "rendicom_folder",
    metadata,
    Column("id", _key, primary_key=True),
    Column("path", _name, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

file = Table(
    "rendicom_file",
    metadata,
    Column("id", _key, primary_key=True),
    Column("folder", _key, ForeignKey("rendicom_folder.id"), nullable=False),
    Column("name", _name, nullable=False),
    Column("version", _text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    # To be read again although it has not changed.
    Column("stale", Boolean, nullable=False, default=False),
    # The file that is used, of several files of one instance.
    Column("shown", Boolean, nullable=False, default=False),
    Column("series", _key, ForeignKey("rendicom_series.id")),
    Column("number", BigInteger),
    Column("uid", _text),
    Column("sop_class", _text),
    Column("transfer_syntax", _text),
    Column("frames", BigInteger),
    Column("rows", Integer),
    Column("columns", Integer),
    Column("bits", Integer),
    Column("has_pixels", Boolean),
    Column("burned_in", Boolean),
    Column("representative", BigInteger),
    Column("more", _json),
    UniqueConstraint("folder", "name"),
    sqlite_autoincrement=True,
)
_is_instance = file.c.kind == INSTANCE
Index(
    "rendicom_file_by_series",
    file.c.series,
    file.c.number,
    file.c.id,
    sqlite_where=_is_instance,
    postgresql_where=_is_instance,
)
Index("rendicom_file_by_uid", file.c.uid, sqlite_where=_is_instance, postgresql_where=_is_instance)

deleted = Table(
    "rendicom_deleted",
    metadata,
    Column("study", _text, primary_key=True),
    Column("series", _text, primary_key=True),
    Column("instance", _text, primary_key=True),
    sqlite_with_rowid=False,
)

root = Table(
    "rendicom_root",
    metadata,
    Column("location", _name, primary_key=True),
    # Device number of its file system: an empty mount point has another one.
    _plain("device"),
    # The scanner that holds the lease, and when the lease ends.
    _plain("holder"),
    Column("until", Float, nullable=False, default=0.0),
    Column("progress", _json),
)


def prepare(connection: Connection) -> None:
    """Create missing tables; those of an earlier version are rebuilt.

    Raises
    ------
    OptionError
        The tables are of a later version, or the file belongs to another program.
    """
    found = _version(connection)
    if found == VERSION:
        # A table may be missing anyway.
        metadata.create_all(connection)
        return
    if found > VERSION:
        raise OptionError(
            f"the index was made by a newer version of Rendicom (index version {found}, this one "
            f"supports {VERSION})",
            hint="use that version, or name another location for the index",
        )
    names = set(inspect(connection).get_table_names())
    is_ours = not names.isdisjoint(metadata.tables)
    if names and not is_ours and connection.dialect.name == "sqlite":
        raise OptionError(
            "the database belongs to another program", hint="name another location for the index"
        )
    if is_ours:
        _log.warning("the index is from an older version of Rendicom: it is rebuilt")
        _drop(connection)
    metadata.create_all(connection)
    connection.execute(meta.insert().values(name="version", value=str(VERSION)))


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(meta.name):
        return 0
    chosen = select(meta.c.value).where(meta.c.name == "version")
    value = connection.execute(chosen).scalar_one_or_none()
    return int(value) if value is not None and value.isdigit() else 0


def _drop(connection: Connection) -> None:
    """Drop the tables that a scan fills; the record of deleted resources is kept."""
    metadata.drop_all(connection, tables=[t for t in metadata.sorted_tables if t is not deleted])
