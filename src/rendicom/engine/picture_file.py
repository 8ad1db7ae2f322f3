"""Where picture files may be written: never over a DICOM file."""

from __future__ import annotations

from rendicom.dicom.file_kind import HEAD_LENGTH, is_dicom_file, kind_of_head
from rendicom.errors import OutputExistsError, UnreadableSourceError, UnwritableOutputError
from rendicom.storage import Existing, exists, head, is_uri
from rendicom.storage.backends.local import exists_error


def may_write(path: str, existing: Existing) -> bool:
    """Tell whether a picture may be written at ``path``; False to keep the existing file.

    Raises
    ------
    OutputExistsError
        A DICOM file exists there, or any file if ``existing`` is ``fail``.
    UnwritableOutputError
        The store cannot be asked whether the file exists.
    """
    try:
        if not exists(path):
            return True
        if is_uri(path):
            is_dicom = kind_of_head(head(path, HEAD_LENGTH)) in ("instance", "directory")
        else:
            is_dicom = is_dicom_file(path)
    except UnreadableSourceError as error:
        message = f"cannot write {path}: {error.message}"
        raise UnwritableOutputError(message, hint=error.hint) from error
    if is_dicom:
        raise OutputExistsError(
            f"{path} is a DICOM file, which is never overwritten",
            hint="choose another TARGET",
        )
    if existing == "fail":
        raise exists_error(path)
    return existing == "overwrite"
