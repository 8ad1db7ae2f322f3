"""Settings: flags and variables are one list."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from rendicom.cli.serve import command
from rendicom.errors import OptionError
from rendicom.server.settings import is_loopback
from rendicom.server.settings_table import load_settings, settings_table

_ANYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith("RENDICOM_"):
            monkeypatch.delenv(name)


def _flags() -> set[str]:
    options = command.get_params(click.Context(command))
    return {
        each.opts[0]
        for each in options
        if isinstance(each, click.Option) and "--help" not in each.opts
    }


def test_every_setting_is_a_flag():
    assert _flags() == {each.flag for each in settings_table() if each.flag}
    arguments = [each for each in command.get_params(click.Context(command)) if not
                 isinstance(each, click.Option)]  # fmt: skip
    assert [each.name for each in arguments] == ["folders"]


_VALUES = {
    "folders": ("a", ("a",)),
    "port": ("81", 81),
    "engine": ("threads", "threads"),
    "log_level": ("error", "error"),
    "log_format": ("json", "json"),
    "cors": ("https://a.example, http://b.example:1", ("https://a.example", "http://b.example:1")),
    "allowed_hosts": ("a,b", ("a", "b")),
    "trusted_proxies": ("10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
    "root_path": ("/viewer", "/viewer"),
    "jwks": ("https://a.example/keys", "https://a.example/keys"),
}
_NEEDED = {
    "tls_cert": {"tls_key": "k"},
    "tls_key": {"tls_cert": "c"},
    "jwks": {"jwt_audience": "a"},
    "jwt_audience": {"jwks": "https://a.example/keys"},
    "jwt_issuer": {"jwks": "https://a.example/keys", "jwt_audience": "a"},
    "writable": {"data": "d"},
    "host": {"insecure_no_auth": "yes"},
}


@pytest.mark.parametrize("setting", settings_table(), ids=lambda each: each.attribute)
def test_every_setting_is_a_variable(setting, monkeypatch):
    number = "2" if isinstance(setting.default, int | float) else "text"
    text, value = _VALUES.get(setting.attribute, (number, None))
    if setting.is_switch:
        text, value = ("no", False) if setting.default else ("yes", True)
    elif value is None:
        value = type(setting.default)(text)
    monkeypatch.setenv("RENDICOM_FOLDERS", "some")
    for name, needed in _NEEDED.get(setting.attribute, {}).items():
        monkeypatch.setenv(f"RENDICOM_{name.upper()}", needed)
    monkeypatch.setenv(setting.variable, text)
    assert getattr(load_settings({}), setting.attribute) == value
    assert value != setting.default


def test_flags_win_over_variables(monkeypatch):
    monkeypatch.setenv("RENDICOM_FOLDERS", "there")
    monkeypatch.setenv("RENDICOM_PORT", "1")
    settings = load_settings({"folders": ("here",), "port": "2"})
    assert (settings.folders, settings.port) == (("here",), 2)


def test_folders_of_a_variable_are_a_path_list(monkeypatch):
    monkeypatch.setenv("RENDICOM_FOLDERS", os.pathsep.join(["a b", "c,d"]))
    assert load_settings({}).folders == ("a b", "c,d")


def test_a_folder_that_is_typed_may_be_called_anything():
    assert load_settings({"folders": (f"a{os.pathsep}b", "c,d")}).folders == (
        f"a{os.pathsep}b",
        "c,d",
    )


def test_a_variable_that_kubernetes_sets_is_not_taken_for_a_port(monkeypatch):
    monkeypatch.setenv("RENDICOM_PORT", "tcp://10.0.0.1:8080")
    assert load_settings({"folders": ("a",)}).port == 8080


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("RENDICOM_PORT", "")
    assert load_settings({"folders": ("a",)}).port == 8080


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"host": _ANYWHERE}, "reached from other machines"),
        ({"host": "192.168.1.2"}, "reached from other machines"),
        ({"host": "example.org"}, "reached from other machines"),
        ({"api_key_file": "k", "insecure_no_auth": True}, "cannot go with"),
        ({"tls_cert": "c"}, "need each other"),
        ({"tls_key": "k"}, "need each other"),
        ({"jwks": "https://a.example/keys"}, "needs --jwt-audience"),
        ({"jwks": "http://a.example/keys", "jwt_audience": "a"}, "needs an https:// URL"),
        ({"jwt_audience": "a"}, "need --jwks"),
        ({"jwt_issuer": "a"}, "need --jwks"),
        ({"writable": True}, "needs --data or --store"),
        ({"cors": ("*",)}, "name the origins"),
        ({"cors": ("example.org",)}, "not of the form https://HOST"),
        ({"cors": ("https://example.org/path",)}, "not of the form https://HOST"),
        ({"root_path": "path"}, "not of the form /PATH"),
        ({"root_path": "/path/"}, "not of the form /PATH"),
        ({"trusted_proxies": ("proxy",)}, "not an address"),
        ({"port": "65536"}, "--port '65536' is not usable"),
        ({"port": "-1"}, "--port"),
        ({"timeout": "0"}, "--timeout"),
        ({"queue_size": "0"}, "--queue-size"),
        ({"workers": "two"}, "--workers 'two'"),
        ({"engine": "dask"}, "--engine 'dask'"),
    ],
)
def test_what_cannot_be_is_one_sentence(given, sentence):
    with pytest.raises(OptionError) as caught:
        load_settings({"folders": ("a",), **given})
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message


def test_nothing_to_serve_is_said():
    with pytest.raises(OptionError, match="nothing to serve"):
        load_settings({})


@pytest.mark.parametrize(
    "given",
    [
        {"data": "d"},
        {"store": "s3://bucket"},
        {"database": "postgresql://h/n"},
        {"folders": ("a",), "host": "::1"},
        {"folders": ("a",), "host": "localhost"},
        {"folders": ("a",), "host": _ANYWHERE, "api_key_file": "k"},
        {"folders": ("a",), "host": _ANYWHERE, "insecure_no_auth": True},
        {"folders": ("a",), "cors": ("*",), "api_key_file": "k"},
        {"folders": ("a",), "jwks": "http://127.0.0.1:1/keys", "jwt_audience": "a"},
    ],
)
def test_what_can_be(given):
    load_settings(given)


def test_a_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("RENDICOM_PORT", "many")
    with pytest.raises(OptionError, match="RENDICOM_PORT 'many' is not usable"):
        load_settings({"folders": ("a",)})


def test_the_password_of_a_database_is_not_shown():
    settings = load_settings({"database": "postgresql://user:secret@host/name"})
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        (_ANYWHERE, False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback(host, is_so):
    assert is_loopback(host) is is_so


def test_derived_locations():
    settings = load_settings({"data": "some"})
    assert settings.store_location == str(Path("some", "store").absolute())
    assert settings.database_url.startswith("sqlite:///")
    assert settings.database_url.endswith("index.sqlite3")
    assert load_settings({"folders": ("a",)}).database_url == ""
    assert load_settings({"data": "some", "store": "s3://b/p"}).store_location == "s3://b/p"
