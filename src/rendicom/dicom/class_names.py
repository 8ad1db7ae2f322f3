"""Names of SOP classes for a person."""

from __future__ import annotations


def class_name(sop_class: str) -> str:
    """Return the name of a SOP class without "Storage" (PS3.6 A), or its UID if it has no name.

    Empty for a text of other characters than a UID has: it may be any value of a damaged file,
    also the patient's name.

    >>> class_name("1.2.840.10008.5.1.4.1.1.1.1"), class_name("1.2.3")
    ('Digital X-Ray Image For Presentation', '1.2.3')
    """
    from pydicom._uid_dict import UID_dictionary

    if sop_class in UID_dictionary:
        name = UID_dictionary[sop_class][0]
        return name.removesuffix(" Storage").replace(" Storage - ", " ")
    return "" if sop_class.strip("0123456789.") else sop_class
