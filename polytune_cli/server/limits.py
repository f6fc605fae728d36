"""How many connections and requests others may have (spec: service, section 6.5). What is remembered is bounded."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Any

#: Requests each second of one address to the routes for everybody, and of one peer to control routes, on average.
RATE = 20.0
#: At once an address may have so many, and a peer so many: an honest run has far fewer.
STRANGERS_BURST = 40.0
PEERS_BURST = 200.0
#: Connections of clients who have not shown who they are.
STRANGERS = 8
#: Addresses that are remembered.
KEYS = 1024


class Buckets:
    """Token buckets: each key may spend ``burst`` at once and ``rate`` a second. Keys out of use are forgotten."""

    def __init__(self, rate: float, burst: float, keys: int = KEYS) -> None:
        self._rate, self._burst, self._keys = rate, burst, keys
        self._lock = threading.Lock()
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Whether ``key`` may have one more now."""
        now = time.monotonic()
        with self._lock:
            left, since = self._left.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            allowed = left >= 1.0
            self._left[key] = (left - 1.0 if allowed else left, now)
            while len(self._left) > self._keys:
                self._left.popitem(last=False)
            return allowed


def address_key(address: str | None) -> str:
    """What counts as one address: for IPv6 the network that one customer gets."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if parsed.version == 6:
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Door:
    """The connections of a listener: so many for each peer, so many for all clients who are not known yet.

    When there is no place for one more unknown client, the one that has waited longest goes, of the address that has
    most: a client that stalls can then keep nobody out. Connections have ``remote_addr``, ``party`` and ``evict()``.
    """

    def __init__(self, strangers: int, each_peer: int) -> None:
        self.strangers, self._each_peer = strangers, each_peer
        self._lock = threading.Lock()
        self._unknown: OrderedDict[Any, str] = OrderedDict()
        self._known: Counter[int] = Counter()

    def arrive(self, conn: Any) -> None:
        """A new connection of somebody unknown; may end another one."""
        with self._lock:
            self._unknown[conn] = address_key(conn.remote_addr)
            victim = self._victim() if len(self._unknown) > self.strangers else None
            if victim is not None:
                del self._unknown[victim]
        if victim is not None:
            victim.evict()

    def _victim(self) -> Any:
        most, _ = Counter(self._unknown.values()).most_common(1)[0]
        return next(conn for conn, address in self._unknown.items() if address == most)

    def recognise(self, conn: Any, party: int) -> bool:
        """``conn`` belongs to ``party``; False when that has too many already."""
        with self._lock:
            if conn.party is not None:
                return bool(conn.party == party)
            if self._known[party] >= self._each_peer:
                return False
            self._unknown.pop(conn, None)
            self._known[party] += 1
            conn.party = party
            return True

    def leave(self, conn: Any) -> None:
        """``conn`` is closed."""
        with self._lock:
            self._unknown.pop(conn, None)
            if conn.party is not None:
                self._known[conn.party] -= 1
                conn.party = None
