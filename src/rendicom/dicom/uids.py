"""The form of UIDs, and the names of SOP classes."""

from __future__ import annotations

import re

UID_LENGTH = 64
# Real files have components with leading zeros, which PS3.5 9.1 forbids.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID (PS3.5 9.1; leading zeros are allowed)."""
    return len(text) <= UID_LENGTH and _UID.fullmatch(text) is not None


def uid_name(uid: str) -> str:
    """Return the name of a UID (PS3.6 A), or the UID if it has no name.

    Empty for other texts: a damaged file may have any value there, also the patient's name.
    """
    from pydicom._uid_dict import UID_dictionary

    if uid in UID_dictionary:
        return UID_dictionary[uid][0]
    return uid if is_uid(uid) else ""


def class_name(sop_class: str) -> str:
    """Return the name of a SOP class as in `uid_name`, without "Storage".

    >>> class_name("1.2.840.10008.5.1.4.1.1.1.1"), class_name("1.2.3")
    ('Digital X-Ray Image For Presentation', '1.2.3')
    """
    return uid_name(sop_class).removesuffix(" Storage").replace(" Storage - ", " ")
