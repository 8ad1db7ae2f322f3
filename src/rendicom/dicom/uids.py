"""The form of UIDs, and the names of SOP classes."""

from __future__ import annotations

import re

UID_LENGTH = 64
# Real files have components with leading zeros, which PS3.5 9.1 forbids.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID (PS3.5 9.1; leading zeros are allowed)."""
    return len(text) <= UID_LENGTH and _UID.fullmatch(text) is not None


def class_name(sop_class: str) -> str:
    """Return the name of a SOP class without "Storage" (PS3.6 A), or its UID if it has no name.

    Empty for other texts: a damaged file may have any value there, also the patient's name.

    >>> class_name("1.2.840.10008.5.1.4.1.1.1.1"), class_name("1.2.3")
    ('Digital X-Ray Image For Presentation', '1.2.3')
    """
    from pydicom._uid_dict import UID_dictionary

    if sop_class in UID_dictionary:
        name = UID_dictionary[sop_class][0]
        return name.removesuffix(" Storage").replace(" Storage - ", " ")
    return sop_class if is_uid(sop_class) else ""
