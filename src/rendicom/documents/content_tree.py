"""Reads the content tree of a report (PS3.3 C.17.3): items, values and relationships."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rendicom.dicom.date_times import plain_date, plain_datetime, plain_time
from rendicom.documents.dataset_reader import DatasetReader
from rendicom.documents.document_model import (
    Coordinates,
    Item,
    Number,
    ObjectReference,
    Objects,
    Plain,
    Table,
    TimePoints,
    Value,
)

DEEPEST = 64
"""Levels of the tree; templates of the standard have about fifteen."""

Places = dict[str, tuple[str, str]]
"""Study and series UIDs of instances, from the evidence sequences of a document."""


def read_tree(document: DatasetReader, places: Places) -> Item:
    """Return the root of the content tree; missing values are empty."""
    return _ContentReader(places, document.notes).item(document, "1", "", 1)


class _ContentReader(NamedTuple):
    places: Places
    notes: dict[str, None]

    def item(self, reader: DatasetReader, position: str, relationship: str, depth: int) -> Item:
        """Return an item and its descendants."""
        kind = reader.text("ValueType").upper()
        target = ".".join(map(str, reader.integers("ReferencedContentItemIdentifier")))
        if target and not kind:
            return Item(position, relationship, "", target=target)
        template = reader.item("ContentTemplateSequence")
        return Item(
            position,
            relationship,
            # The root is a container, also where a file lacks the Value Type.
            kind or ("CONTAINER" if depth == 1 else "?"),
            reader.code("ConceptNameCodeSequence"),
            self._value(reader, kind),
            self._children(reader, position, depth),
            is_continuous=reader.text("ContinuityOfContent").upper() == "CONTINUOUS",
            template=template.text("TemplateIdentifier") if template else "",
            moment=plain_datetime(reader.text("ObservationDateTime")),
            uid=reader.text("ObservationUID"),
        )

    def _children(self, reader: DatasetReader, position: str, depth: int) -> tuple[Item, ...]:
        items = reader.items("ContentSequence")
        if items and depth >= DEEPEST:
            self.notes.setdefault(f"content deeper than {DEEPEST} levels is left out")
            return ()
        return tuple(
            self.item(item, f"{position}.{number}", _relationship(item), depth + 1)
            for number, item in enumerate(items, 1)
        )

    def _value(self, reader: DatasetReader, kind: str) -> Value | None:
        if kind in ("COMPOSITE", "IMAGE", "WAVEFORM"):
            return _objects(reader, self.places)
        read = _READ.get(kind)
        if read is None:
            if kind != "CONTAINER":
                self.notes.setdefault("some content has an unknown value type")
            return None
        return read(reader)


def _relationship(reader: DatasetReader) -> str:
    return " ".join(reader.text("RelationshipType").upper().split())


# --- values ---------------------------------------------------------------------------------


def _plain(keyword: str, shown: Callable[[str], str]) -> Callable[[DatasetReader], Plain | None]:
    def read(reader: DatasetReader) -> Plain | None:
        stored = reader.text(keyword)
        return Plain(shown(stored), stored) if stored else None

    return read


def _person(reader: DatasetReader) -> Plain | None:
    names = reader.names("PersonName")
    return Plain("; ".join(names), reader.text("PersonName")) if names else None


def _number(reader: DatasetReader) -> Number | None:
    """Return a measurement; the decimal string has precedence (PS3.3 C.18.1)."""
    qualifier = reader.code("NumericValueQualifierCodeSequence")
    measured = reader.item("MeasuredValueSequence")
    if measured is None:
        return Number((), None, qualifier) if qualifier else None
    numbers = tuple(filter(None, measured.texts("NumericValue")))
    if not numbers:
        numbers = tuple(f"{value:.15g}" for value in measured.floats("FloatingPointValue"))
    return Number(numbers, measured.code("MeasurementUnitsCodeSequence"), qualifier)


def _points(reader: DatasetReader, dimensions: int) -> Coordinates | None:
    numbers = reader.floats("GraphicData")
    graphic = reader.text("GraphicType").upper()
    whole = len(numbers) - len(numbers) % dimensions
    if not graphic and not whole:
        return None
    return Coordinates(
        graphic,
        tuple(numbers[at : at + dimensions] for at in range(0, whole, dimensions)),
        reader.text("ReferencedFrameOfReferenceUID"),
        reader.text("PixelOriginInterpretation"),
        reader.text("FiducialUID"),
    )


def _in_time(reader: DatasetReader) -> TimePoints | None:
    """Return the temporal coordinates, which are in one of three attributes (PS3.3 C.18.7)."""
    graphic = reader.text("TemporalRangeType").upper()
    for unit, keyword in _IN_TIME:
        if values := reader.texts(keyword):
            shown = map(plain_datetime, values) if unit == "time" else values
            return TimePoints(graphic, unit, tuple(shown))
    return TimePoints(graphic, "sample", ()) if graphic else None


_IN_TIME = (
    ("sample", "ReferencedSamplePositions"),
    ("second", "ReferencedTimeOffsets"),
    ("time", "ReferencedDateTime"),
)


def read_reference(reader: DatasetReader, places: Places) -> ObjectReference:
    """Return a referenced instance (PS3.3 10.8) with study and series from the evidence."""
    instance = reader.text("ReferencedSOPInstanceUID")
    study, series = places.get(instance, ("", ""))
    frames = tuple(number for number in reader.integers("ReferencedFrameNumber") if number > 0)
    return ObjectReference(reader.text("ReferencedSOPClassUID"), instance, series, study, frames)


def _objects(reader: DatasetReader, places: Places) -> Objects | None:
    found = reader.item("ReferencedSOPSequence")
    if found is None:
        return None
    presentation = found.item("ReferencedSOPSequence")
    mapping = found.item("ReferencedRealWorldValueMappingInstanceSequence")
    channels = found.integers("ReferencedWaveformChannels")
    return Objects(
        read_reference(found, places),
        read_reference(presentation, places) if presentation else None,
        read_reference(mapping, places) if mapping else None,
        found.integers("ReferencedSegmentNumber"),
        tuple(zip(channels[::2], channels[1::2], strict=False)),
    )


# --- tables (PS3.3 C.18.10) -----------------------------------------------------------------

_MOST_CELLS = 100_000
_PLACE_OF_CELL = ("TableRowNumber", "TableColumnNumber")


def _table(reader: DatasetReader) -> Table | None:
    table = reader.item("TabulatedValuesSequence")
    if table is None:
        return None
    rows = next(iter(table.integers("NumberOfTableRows")), 0)
    columns = next(iter(table.integers("NumberOfTableColumns")), 0)
    if rows < 1 or columns < 1 or rows * columns > _MOST_CELLS:
        reader.notes.setdefault("a table is empty or too large")
        return None
    cells = [[""] * columns for _ in range(rows)]
    for cell in table.items("CellValuesSequence"):
        row, column = (next(iter(cell.integers(each)), 0) for each in _PLACE_OF_CELL)
        if 0 < row <= rows and 0 < column <= columns:
            cells[row - 1][column - 1] = _cell(cell)
    return Table(
        _headings(table, "TableColumn", columns),
        _headings(table, "TableRow", rows),
        tuple(map(tuple, cells)),
    )


def _headings(table: DatasetReader, what: str, count: int) -> tuple[str, ...]:
    names = [""] * count
    for item in table.items(f"{what}DefinitionSequence"):
        number = next(iter(item.integers(f"{what}Number")), 0)
        concept = item.code("ConceptNameCodeSequence")
        units = item.code("MeasurementUnitsCodeSequence")
        if 0 < number <= count and concept:
            unit = f" ({units.value or units.meaning})" if units else ""
            names[number - 1] = f"{concept.meaning or concept.value}{unit}"
    return tuple(names)


def _cell(cell: DatasetReader) -> str:
    """Return the text of a cell, which may be of any type."""
    texts = []
    for keyword in cell.keywords():
        if keyword in _PLACE_OF_CELL:
            continue
        if keyword.endswith("Sequence"):
            code = cell.code(keyword)
            texts.append(code.meaning or code.value if code else "")
        else:
            texts.append(cell.text(keyword))
    return " ".join(filter(None, texts))


_READ: dict[str, Callable[[DatasetReader], Value | None]] = {
    "TEXT": _plain("TextValue", str),
    "DATE": _plain("Date", plain_date),
    "TIME": _plain("Time", plain_time),
    "DATETIME": _plain("DateTime", plain_datetime),
    "UIDREF": _plain("UID", str),
    "PNAME": _person,
    "CODE": lambda reader: reader.code("ConceptCodeSequence"),
    "NUM": _number,
    "SCOORD": lambda reader: _points(reader, 2),
    "SCOORD3D": lambda reader: _points(reader, 3),
    "TCOORD": _in_time,
    "TABLE": _table,
}
