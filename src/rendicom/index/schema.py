"""The tables of the index. All of it can be made again from the files: it is never migrated."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = ["VERSION", "deleted", "files", "instances", "metadata", "schema", "series", "studies"]

VERSION = 1
"""Of the tables below. An index of another version is made anew."""

metadata = MetaData()
_UID = String(64)

schema = Table("rendicom_schema", metadata, Column("version", Integer, primary_key=True))

studies = Table(
    "rendicom_studies",
    metadata,
    Column("study", _UID, primary_key=True),
    Column("patient_id", Text, nullable=False, index=True),
    Column("accession_number", Text, nullable=False, index=True),
    Column("study_date", String(32), nullable=False),
    Column("study_time", String(32), nullable=False),
    Column("source", _UID, nullable=False),
    Column("changed", Float, nullable=False),
    Column("model", Text, nullable=False),
    Index("rendicom_studies_newest", "study_date", "study_time", "study"),
)
"""``source`` is the least SOP Instance UID of the study: where attributes differ it counts."""

series = Table(
    "rendicom_series",
    metadata,
    Column("study", _UID, primary_key=True),
    Column("series", _UID, primary_key=True),
    Column("modality", String(32), nullable=False),
    Column("series_number", BigInteger),
    Column("source", _UID, nullable=False),
    Column("changed", Float, nullable=False),
    Column("model", Text, nullable=False),
    Index("rendicom_series_uid", "series"),
    Index("rendicom_series_modality", "modality", "study"),
)

instances = Table(
    "rendicom_instances",
    metadata,
    Column("study", _UID, primary_key=True),
    Column("series", _UID, primary_key=True),
    Column("instance", _UID, primary_key=True),
    Column("location", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sop_class", _UID, nullable=False),
    Column("transfer_syntax", _UID, nullable=False),
    Column("modality", String(32), nullable=False),
    Column("number_of_frames", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("has_pixels", Boolean, nullable=False),
    Column("burned_in", Boolean, nullable=False),
    Column("representative_frame", Integer, nullable=False),
    Column("series_number", BigInteger),
    Column("instance_number", BigInteger),
    Column("model", Text, nullable=False),
    Index("rendicom_instances_uid", "instance"),
    Index("rendicom_instances_location", "location"),
)

files = Table(
    "rendicom_files",
    metadata,
    Column("location", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("study", _UID, nullable=False),
    Column("series", _UID, nullable=False),
    Column("instance", _UID, nullable=False, index=True),
)
"""Every file that was looked at, so that none is opened twice: ``instance``, ``other``, ``failed``.

The UIDs are empty but for instances.
"""

deleted = Table(
    "rendicom_deleted",
    metadata,
    Column("study", _UID, primary_key=True),
    Column("series", _UID, primary_key=True),
    Column("instance", _UID, primary_key=True),
)
"""What was deleted on purpose; series and instance are empty for what held it."""
