"""Where a request comes from and whom it is meant for: allowed hosts, same-origin, the client's address behind proxies.

Pure rules over headers; dialects/edge.py applies them to every request.
"""

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.datastructures import Headers

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULT_PORTS = {"http": 80, "https": 443}


class HostRule:
    """Which names the Host header may carry: a name that an attacker's DNS points at us (rebinding) is not one of them.

    `configured` empty: localhost and the address listened on; listening on every network, any literal address as well
    (a page cannot make a browser send one that is not in its address bar). "*" allows every name.
    """

    def __init__(self, configured: Iterable[str], *, listens_on: str) -> None:
        names = {name.strip().strip("[]").lower() for name in configured}
        self._any = "*" in names
        self._literals = not names and _is_wildcard(listens_on)
        self._names = LOOPBACK_HOSTS | (names or {listens_on.strip("[]").lower()})

    def allows(self, host: str | None) -> bool:
        """`host` is the header as it came; None (HTTP/1.0) is not a browser."""
        if host is None or self._any:
            return True
        name = split_host(host)[0]
        return name in self._names or (self._literals and parse_address(name) is not None)


def split_host(host: str) -> tuple[str, int | None]:
    """A Host header as (lower-case name without brackets, port); an unreadable one has the name ""."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "", None


def is_cross_site(method: str, headers: Headers) -> bool:
    """Whether a browser sends this change of state on behalf of another site.

    Sec-Fetch-Site decides where it is sent; older browsers' Origin is compared with Host. Neither: not a browser.
    A request with a token in a header is never cross-site: no page can add one without a preflight, and we grant none.
    """
    if method in SAFE_METHODS or "authorization" in headers or "x-api-key" in headers:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site.lower() not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and not _is_same_origin(origin, headers.get("host", ""))


def _is_same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        default = DEFAULT_PORTS.get(parts.scheme)
        theirs = (parts.hostname or "").rstrip("."), parts.port or default
    except ValueError:
        return False
    name, port = split_host(host)
    return bool(name) and theirs == (name, port or default)


def client_address(peer: str | None, headers: Headers, trusted: tuple[Network, ...]) -> str:
    """The address of the client: the peer, or where trusted proxies forwarded from.

    X-Forwarded-For is walked from its end, the part that the nearest proxy wrote, as long as what is written there is a
    trusted proxy itself; what a client wrote at its beginning is never reached.
    """
    address = parse_address(peer or "")
    if address is None:
        return peer or "unknown"
    hops = [hop.strip() for line in headers.getlist("x-forwarded-for") for hop in line.split(",")]
    while hops and any(address in network for network in trusted):
        forwarded = parse_address(_without_port(hops.pop()))
        if forwarded is None:
            break
        address = forwarded
    return str(address)


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks of the settings. Errors: ValueError naming the one that is neither."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def parse_address(text: str) -> IPAddress | None:
    """An address; IPv4 in IPv6 clothes (::ffff:1.2.3.4) is undressed. None: it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _is_wildcard(host: str) -> bool:
    address = parse_address(host.strip("[]"))
    return host == "" or (address is not None and address.is_unspecified)
