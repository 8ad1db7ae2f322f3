"""Settings as a table for command line, environment variables and documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from rendicom.errors import OptionError
from rendicom.server.settings import PREFIX, Settings


class Setting(NamedTuple):
    """One setting.

    ``attribute`` is the field of `Settings`. ``folders`` has no ``flag``: it is the argument. A
    switch that is on by default has a second flag, ``--no-page``.
    """

    attribute: str
    flag: str
    variable: str
    default: Any
    help: str
    metavar: str
    choices: tuple[str, ...]
    is_switch: bool
    is_list: bool


def settings_table() -> tuple[Setting, ...]:
    """Return all settings in their order."""
    return tuple(_described(name, field) for name, field in Settings.model_fields.items())


def _described(name: str, field: FieldInfo) -> Setting:
    word = name.replace("_", "-")
    extra = field.json_schema_extra
    is_choice = get_origin(field.annotation) is Literal
    return Setting(
        attribute=name,
        flag="" if name == "folders" else f"--{word}",
        variable=f"{PREFIX}{name.upper()}",
        default=field.default,
        help=field.description or "",
        metavar=str(extra["metavar"]) if isinstance(extra, dict) else "",
        choices=get_args(field.annotation) if is_choice else (),
        is_switch=field.annotation is bool,
        is_list=get_origin(field.annotation) is tuple,
    )


def load_settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings: ``given`` by attribute, then variables, then defaults.

    Raises
    ------
    OptionError
        The first error in one sentence; it names the flag, or the variable that has the value.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise OptionError(_sentence(error, given)) from None


def _sentence(error: ValidationError, given: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0])
    setting = next(each for each in settings_table() if each.attribute == name)
    source = (setting.flag or "FOLDER") if name in given else setting.variable
    reason = message[:1].lower() + message[1:]
    return f"{source} {first['input']!r} is not usable: {reason}"
