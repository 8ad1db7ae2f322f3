"""Limits on the number of connections, in total and for each address.

Otherwise one client could occupy all connections. At the limit, idle ones are closed
first.
"""

from __future__ import annotations

import ipaddress
import logging
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

_log = logging.getLogger("rendicom.server")

_NO_LIMIT = 1 << 31
_NETWORK_BITS = 64
"""Prefix length of an IPv6 network that is counted as one client."""
_LOG_SECONDS = 60.0


class _Connection(Protocol):
    def make_room(self) -> None: ...


class Crowd:
    """The connections of one server. For the event loop only.

    Parameters
    ----------
    most
        Connections at once; the one that had no request under way for longest makes room.
    most_of_one
        Those of one address, or of one network of IPv6.
    unlimited
        Networks without the second limit: proxies, which forward for many clients.
    """

    def __init__(
        self, most: int = _NO_LIMIT, most_of_one: int = _NO_LIMIT, unlimited: Sequence[str] = ()
    ) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._unlimited = [ipaddress.ip_network(each, strict=False) for each in unlimited]
        self._places: dict[_Connection, str] = {}
        self._counts: Counter[str] = Counter()
        self._idle: dict[_Connection, None] = {}
        self._refused = 0
        self._logged = -_LOG_SECONDS

    def admit(self, connection: _Connection, address: str) -> bool:
        """Tell whether there is room for a connection; `leave` must be called at its end.

        A connection that was admitted before is always admitted.
        """
        if connection in self._places:
            return True
        place = self._place_of(address)
        self._places[connection] = place
        self._counts[place] += 1
        if place and self._counts[place] > self._most_of_one:
            self._note_refused()
            return False
        self._idle[connection] = None
        if len(self._places) >= self._most and len(self._idle) > 1:
            self._note_refused()
            longest = next(iter(self._idle))
            self.leave(longest)
            longest.make_room()
        return True

    def note_busy(self, connection: _Connection) -> None:
        """Mark a connection as busy with a request."""
        self._idle.pop(connection, None)

    def note_idle(self, connection: _Connection) -> None:
        """Mark a connection as idle."""
        if connection in self._places:
            self._idle[connection] = None

    def leave(self, connection: _Connection) -> None:
        """Remove a connection."""
        self._idle.pop(connection, None)
        place = self._places.pop(connection, None)
        if place is not None:
            self._counts[place] -= 1
            if not self._counts[place]:
                del self._counts[place]

    def _place_of(self, text: str) -> str:
        """Return the address or network counted as one client; empty for no limit."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return ""
        if any(address in network for network in self._unlimited):
            return ""
        if address.version == 4:
            return text
        return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))

    def _note_refused(self) -> None:
        """Count a refusal, and log the count at most once a minute."""
        self._refused += 1
        if monotonic() - self._logged >= _LOG_SECONDS:
            _log.warning(
                "too many simultaneous connections, in total or of one client: %d refused",
                self._refused,
            )
            self._refused, self._logged = 0, monotonic()
