"""Hosts, networks and origins as settings name them."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether a host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return the host that a URL names; empty if it names none."""
    return urlsplit(url).hostname or ""


def is_origin(text: str) -> bool:
    """Tell whether a text is the origin of web pages: ``https://HOST:PORT``."""
    scheme, host, path, query, fragment = urlsplit(text)
    return scheme in ("http", "https") and bool(host) and not (path or query or fragment)


def is_network(text: str) -> bool:
    """Tell whether a text is an IP address or network."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
