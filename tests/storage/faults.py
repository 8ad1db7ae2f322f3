"""What every error of an object store must keep to itself."""

from __future__ import annotations

from objectstore import ACCESS_KEY, SECRET_KEY
from rendicom.errors import RendicomError


def assert_clean(error: RendicomError) -> None:
    """One line, with nothing in it that nobody may know."""
    text = f"{error!r} {error} {error.hint}"
    assert "\n" not in str(error)
    assert len(str(error)) < 250
    for secret in (SECRET_KEY, ACCESS_KEY, "Signature", "Authorization", "Debug source"):
        assert secret not in text
    while error.__cause__ is not None:
        assert isinstance(error.__cause__, RendicomError)
        error = error.__cause__
    assert error.__suppress_context__
