"""Names of pictures by a template, such as ``{Modality}/{SOPInstanceUID}.{ext}``.

Values never create folders, leave the target or contain characters that a system forbids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rendicom.batch.file_names import FRAME_MARK, claim_stem, folded, frame_marks, hash_of
from rendicom.errors import OptionError, OutputCollisionError

if TYPE_CHECKING:
    from rendicom.batch.identity import InstanceSummary
    from rendicom.batch.scratch import Register
    from rendicom.batch.sources import Unit

_IDENTITY_FIELDS = {
    "StudyInstanceUID": "study",
    "SeriesInstanceUID": "series",
    "SOPInstanceUID": "instance",
    "Modality": "modality",
    "SeriesNumber": "series_number",
    "InstanceNumber": "instance_number",
}
_SOURCE, _FRAME, _EXTENSION = "source", "frame", "ext"
FIELDS = (_SOURCE, *_IDENTITY_FIELDS, _FRAME, _EXTENSION)
"""The fields of a template without patient data."""
PATIENT_FIELDS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "SeriesDate",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "InstitutionName",
)
"""Those that may."""

_UNKNOWN = "unknown"
_MOST_CHARACTERS = 100
_MOST_BYTES = 200
"""Most bytes of a value: several fit into the 255 of a name, with text between them."""
_NOT_IN_NAMES = '<>:"|?*\\/'
_NUMBERS = ("SeriesNumber", "InstanceNumber", _FRAME)
_WIDTH = re.compile(r"0([1-9][0-9]?)")
_MOST_DIGITS = 20
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)([0-9\u00b9\u00b2\u00b3]|\0+)) *(\..*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Device names on Windows, whatever follows the first dot."""
_NO_LETTERS = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Unicode categories of invisible or unassigned characters."""
_WIDTH_HINT = "numbers alone take a width: {SeriesNumber:03}, {InstanceNumber:05}, {frame:04}"
_EXTENSION_HINT = "end it with .{ext}, or leave the extension out"
_LITERAL_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]*$")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    width: int = 0


_Piece = str | _Field
_Part = tuple[_Piece, ...]
"""One part between slashes of a template: text and fields in turn."""


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """A parsed template."""

    text: str
    """As typed."""
    fields: frozenset[str]
    """Names of its fields, without ``ext``."""
    _parts: tuple[_Part, ...]

    @classmethod
    def parse(
        cls, text: str, *, extensions: Sequence[str], allow_phi: bool = False
    ) -> NameTemplate:
        """Return the layout that a template describes.

        Parameters
        ----------
        text
            Fields in braces, ``/`` between folders, ``{ext}`` at the end or nothing instead.
            Numbers take a width: ``{InstanceNumber:05}``.
        extensions
            Those of the output format, each with its dot; the first is written.
        allow_phi
            Whether `PATIENT_FIELDS` may be used.

        Raises
        ------
        OptionError
            The template is malformed, its names would not be unique, or some systems forbid them.
        """
        pieces = _without_extension(_pieces(text, allow_phi=allow_phi), text, extensions)
        parts = tuple(_split(pieces))
        for number, part in enumerate(parts, 1):
            _check_part(part, text, is_last=number == len(parts))
        fields = _fields(pieces)
        for once in (_SOURCE, _FRAME):
            if fields.count(once) > 1:
                raise _refused(text, f"has {{{once}}} more than once", "leave one out")
        return cls(text, frozenset(fields), parts)

    @property
    def patient_fields(self) -> tuple[str, ...]:
        """Return the keywords of the attributes to read that may hold a patient's data."""
        return tuple(name for name in PATIENT_FIELDS if name in self.fields)

    def place(self, source: str, identity: InstanceSummary, *, patient: Mapping[str, str]) -> str:
        """Return `rendicom.batch.sources.Unit.place` for an instance.

        Parameters
        ----------
        source
            Its output path without a layout.
        identity
            Summary of the instance, with pseudonyms if requested.
        patient
            Values of `patient_fields`.
        """
        places = (self._filled(part, source, identity, patient) for part in self._parts)
        return "/".join(places)

    def _filled(
        self, part: _Part, source: str, identity: InstanceSummary, patient: Mapping[str, str]
    ) -> str:
        most = _MOST_BYTES // max(1, len(_fields(part)))
        filled = "".join(
            piece if isinstance(piece, str) else _value(piece, source, identity, patient, most)
            for piece in part
        )
        return f"_{filled}" if _RESERVED.fullmatch(filled) else filled


def claim(register: Register, unit: Unit) -> None:
    """Reserve the names of a unit's pictures for its source; the first source keeps them.

    Raises
    ------
    OutputCollisionError
        Another source has one of them.
    """
    owner = claim_stem(register, folded(unit.place), unit.source)
    if owner is not None:
        raise OutputCollisionError(
            f"its pictures would get the names of those of {owner}",
            hint="put {SOPInstanceUID} or {source} into --layout",
        )


def safe_part(value: str, most: int = _MOST_BYTES) -> str:
    """Return a value as part of a name on any system: not empty, no folder, at most 100 letters.

    ``most`` limits its bytes; some file systems allow 255 in a name. A longer value is cut and ends
    in a hash of the whole.

    >>> safe_part("a/b: c? "), safe_part(".."), safe_part("")
    ('a_b_ c_', 'unknown', 'unknown')
    """
    import unicodedata

    text = unicodedata.normalize("NFC", value)
    text = "".join(
        "_" if letter in _NOT_IN_NAMES or unicodedata.category(letter) in _NO_LETTERS else letter
        for letter in text
    )
    text = text.strip(" .") or _UNKNOWN
    if len(text) <= _MOST_CHARACTERS and len(text.encode()) <= most:
        return text
    start = text[: _MOST_CHARACTERS - 9].encode()[: max(1, most - 9)].decode(errors="ignore")
    return f"{start.rstrip(' .')}-{hash_of(text)}"


def _value(
    field: _Field, source: str, identity: InstanceSummary, patient: Mapping[str, str], most: int
) -> str:
    if field.name == _SOURCE:
        parts = source.replace(FRAME_MARK, "_").split("/")
        return "/".join(part for part in parts if part not in ("", ".", "..")) or _UNKNOWN
    if field.name == _FRAME:
        return frame_marks(field.width) if field.width else FRAME_MARK
    attribute = _IDENTITY_FIELDS.get(field.name)
    if attribute is None:
        return safe_part(patient.get(field.name, ""), most)
    value: str = getattr(identity, attribute)
    if field.width and _NUMBER.fullmatch(value):
        return f"{int(value):0{field.width}}"
    return safe_part(value, most)


# --- reading a template -------------------------------------------------------------------


def _pieces(text: str, *, allow_phi: bool) -> list[_Piece]:
    """Return text and fields in turn, with doubled braces as single ones."""
    from string import Formatter

    pieces: list[_Piece] = []
    try:
        for literal, name, spec, conversion in Formatter().parse(text):
            if literal and pieces and isinstance(pieces[-1], str):
                literal = f"{pieces.pop()}{literal}"  # noqa: PLW2901
            if literal:
                pieces.append(literal)
            if name is not None:
                if conversion is not None:
                    raise _refused(text, f"has !{conversion} behind a field", _WIDTH_HINT)
                pieces.append(_field(text, name, spec or "", allow_phi=allow_phi))
    except ValueError:
        raise _refused(text, "has a brace too many or too few", "{{ is a brace itself") from None
    return pieces


def _field(text: str, name: str, spec: str, *, allow_phi: bool) -> _Field:
    if name in PATIENT_FIELDS and not allow_phi:
        raise _refused(
            text, f"has {{{name}}}, which may identify a patient", "--allow-phi-in-names allows it"
        )
    known = (*FIELDS, *PATIENT_FIELDS) if allow_phi else FIELDS
    if name not in known:
        raise _refused(text, f"has {{{name}}}, which is not a field", _suggestion(name, known))
    if not spec:
        return _Field(name)
    width = _WIDTH.fullmatch(spec)
    if name not in _NUMBERS or width is None or int(width[1]) > _MOST_DIGITS:
        raise _refused(text, f"has :{spec} behind {{{name}}}", _WIDTH_HINT)
    return _Field(name, int(width[1]))


def _suggestion(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    folded_names = {field.casefold(): field for field in (*known, *PATIENT_FIELDS)}
    close = get_close_matches(name.casefold(), folded_names, n=1)
    meant = f"did you mean {{{folded_names[close[0]]}}}? " if close else ""
    return f"{meant}fields are {', '.join(known)}"


def _without_extension(
    pieces: Sequence[_Piece], text: str, extensions: Sequence[str]
) -> list[_Piece]:
    """Return the pieces without the extension."""
    *others, last = pieces or [""]
    if _EXTENSION in _fields(others):
        raise _refused(text, "has {ext} before its end", _EXTENSION_HINT)
    if isinstance(last, _Field):
        if last.name != _EXTENSION:
            return list(pieces)
        dot = others.pop() if others else ""
        if not (isinstance(dot, str) and dot.endswith(".")):
            raise _refused(text, "has {ext} without a dot before it", _EXTENSION_HINT)
        return [*others, dot[:-1]]
    ending = _LITERAL_ENDING.search(last)
    if ending is None:
        return list(pieces)
    if ending[0] != extensions[0]:
        problem = f"ends in {ending[0]}, and the pictures in {extensions[0]}"
        raise _refused(text, problem, _EXTENSION_HINT)
    return [*others, last[: ending.start()]]


def _split(pieces: Sequence[_Piece]) -> Iterator[_Part]:
    part: list[_Piece] = []
    for piece in pieces:
        if isinstance(piece, _Field):
            part.append(piece)
            continue
        first, *others = piece.split("/")
        part += [first] if first else []
        for other in others:
            yield tuple(part)
            part = [other] if other else []
    yield tuple(part)


def _fields(pieces: Sequence[_Piece]) -> list[str]:
    return [piece.name for piece in pieces if isinstance(piece, _Field)]


def _check_part(part: _Part, text: str, *, is_last: bool) -> None:
    if not part:
        raise _refused(text, "has a name that is empty", "no / at its ends, nor two together")
    if part in ((".",), ("..",)):
        raise _refused(text, f"has {part[0]} in its path", "pictures stay below TARGET")
    for letter in "".join(piece for piece in part if isinstance(piece, str)):
        if letter in _NOT_IN_NAMES or letter < " ":
            raise _refused(text, f"has {letter!r} in a name", "not every system allows it; use /")
    if not is_last and isinstance(part[-1], str) and part[-1].endswith((" ", ".")):
        raise _refused(text, "has a folder that ends in a dot or space", "some systems drop it")
    _check_frame(part, text)


def _check_frame(part: _Part, text: str) -> None:
    """Refuse a template that gives frame 1 of one source and frame 11 of another the same name."""
    names = [piece.name if isinstance(piece, _Field) else "" for piece in part]
    if _FRAME not in names:
        return
    at = names.index(_FRAME)
    before, behind = ("/", *part[:at]), (*part[at + 1 :], "/")
    left, right = before[-1], behind[0]
    if isinstance(left, _Field) or isinstance(right, _Field):
        raise _refused(text, "has a field right beside {frame}", "put a - between")
    if left[-1].isdigit() or right[0].isdigit():
        raise _refused(text, "has a digit right beside {frame}", "put a - between")
    if _fields(before) and _fields(behind):
        raise _refused(text, "has fields before and behind {frame} in one name", "put {frame} last")


def _refused(text: str, problem: str, hint: str) -> OptionError:
    return OptionError(f"--layout {text!r} {problem}", hint=hint)
