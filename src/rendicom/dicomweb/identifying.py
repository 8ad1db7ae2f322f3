"""Identifies the instance in a received file, and whether it can be stored (PS3.18 10.5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.data_sets import read_dataset
from rendicom.dicom.file_meta import has_preamble
from rendicom.dicomweb import storing
from rendicom.dicomweb.resources import Resource, check_uid
from rendicom.dicomweb.storing import reason_of
from rendicom.errors import BadRequestError, RendicomError

if TYPE_CHECKING:
    from rendicom.dicom.elements import DataElement, DataSet

_NEEDED = {
    "SOPClassUID": 0x00080016,
    "SOPInstanceUID": 0x00080018,
    "StudyInstanceUID": 0x0020000D,
    "SeriesInstanceUID": 0x0020000E,
}
_META_INSTANCE, _META_SYNTAX = 0x00020003, 0x00020010


class Identity(NamedTuple):
    """Identifiers of an instance, from its data set."""

    sop_class: str
    resource: Resource


def identify(source: bytes | str) -> Identity | int:
    """Return the identity that a file states, or the Failure Reason why it cannot be stored.

    Parameters
    ----------
    source
        The bytes, or the path of a file of them.
    """
    opened = open_source(source)
    try:
        if not has_preamble(opened):
            return storing.CANNOT_UNDERSTAND
        dataset = read_dataset(opened)
        in_meta = {each.tag: _uid_in(dataset, each) for each in dataset.meta}
        values = {name: _uid_in(dataset, dataset.element(tag)) for name, tag in _NEEDED.items()}
    except RendicomError as error:
        return reason_of(error)
    finally:
        opened.close()
    meta_instance = in_meta.get(_META_INSTANCE, "")
    if not in_meta.get(_META_SYNTAX):
        return storing.SYNTAX_NOT_SUPPORTED
    try:
        for name, value in values.items():
            check_uid(value, what=name)
    except BadRequestError:
        return storing.DATA_SET_MISMATCH
    if meta_instance and meta_instance != values["SOPInstanceUID"]:
        return storing.CLASS_MISMATCH
    uids = (values["StudyInstanceUID"], values["SeriesInstanceUID"], values["SOPInstanceUID"])
    return Identity(values["SOPClassUID"], Resource(*uids))


def _uid_in(dataset: DataSet, element: DataElement | None) -> str:
    return dataset.value(element).decode("latin-1").strip(" \0") if element is not None else ""
