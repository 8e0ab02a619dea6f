"""Which addresses a request may leave for: URLs taken apart once, every IP address judged before use.

Two kinds of destination. One that a *user* gave may be public only. One that an admin or the settings named (`trusted`)
may also be private or loopback. Link-local, cloud metadata, multicast and unspecified addresses are for nobody.

`ipaddress.is_global` is no judge: on Python 3.11 it passes 64:ff9b::7f00:1, ::127.0.0.1, 2002:7f00:1::, fec0::1 and
multicast. The tables below are IANA's special-purpose registries
(https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry) and hold on every version.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, quote, urlsplit

from hearthside.kit.errors import Invalid

IPAddress = IPv4Address | IPv6Address


class AddressRefused(Invalid):
    """The URL or what its name resolves to is no place that this request may go to."""

    default_code = "address_not_allowed"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is lower-case ASCII without brackets; `resource` is the quoted path with its query."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a key is bound to: scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def literal(self) -> IPAddress | None:
        """The host as an address, where it is one."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")

# Ports of other protocols, where an HTTP request could be taken for a command:
# https://fetch.spec.whatwg.org/#port-blocking
# fmt: off
_BLOCKED_PORTS = frozenset([
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
    540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
])
# fmt: on


def parse_url(url: str) -> Target:
    """An absolute http or https URL, strictly. Raises AddressRefused.

    It is parsed here and nowhere else: what was checked and what is connected to cannot be two readings of one text.
    """
    if not url.isprintable() or any(character in url for character in " \\"):
        raise AddressRefused("The URL holds characters that do not belong in one.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("The URL cannot be read. Write it like https://host:port/path.") from None
    if parts.scheme not in _PORTS:
        raise AddressRefused("The URL must begin with http:// or https://.")
    if "@" in parts.netloc:
        raise AddressRefused("The URL must not hold a user name or a password.")
    if port is None:
        port = _PORTS[parts.scheme]
    if not 0 < port < 65536 or port in _BLOCKED_PORTS:
        raise AddressRefused(f"Port {port} is not a port for HTTP.")
    safe = "/%:@!$&'()*+,;=-._~"
    query = quote(parts.query, safe=safe + "?")
    return Target(parts.scheme, _host(parts), port, quote(parts.path, safe=safe) or "/", query)


def _host(parts: SplitResult) -> str:
    """The host in canonical form. Numbers that only some parsers read as an address (127.1, 0x7f.1) are refused."""
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    if "[" in parts.netloc:
        return _ipv6_literal(host)
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise AddressRefused("The URL's host is not a valid name or address.")
    host = host.rstrip(".")
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise AddressRefused("The URL's host is not an IPv4 address in its ordinary form.") from None
    return host


def _ipv6_literal(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError:
        raise AddressRefused("The URL's host is not a valid IPv6 address.") from None
    if address.scope_id is not None:
        raise AddressRefused("The URL's host must not name a network interface.")
    return str(address)


def check_addresses(addresses: Iterable[IPAddress], *, trusted: bool) -> None:
    """Every one must be allowed: a name with one good and one bad address is refused. Raises AddressRefused."""
    for address in addresses:
        if not is_allowed(address, trusted=trusted):
            raise AddressRefused(
                "The address is on this machine or on a network that may not be reached from here."
                if not trusted
                else "The address is link-local, a metadata service or not one for a single machine."
            )


def is_allowed(address: IPAddress, *, trusted: bool) -> bool:
    address = _unwrapped(address)
    if any(address in network for network in _NEVER):
        return False
    if trusted and any(address in network for network in _PRIVATE):
        return True
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    return address in _GLOBAL_6 and not any(address in network for network in _SPECIAL_6)


def _unwrapped(address: IPAddress) -> IPAddress:
    """The IPv4 address that a packet to this IPv6 address ends at, where it carries one."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.sixtofour or address


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(IPv6Network(part) if ":" in part else IPv4Network(part) for part in text.split())


_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_6 = IPv6Network("2000::/3")

# Loopback; RFC 1918; shared address space (also Tailscale's); unique local.
_PRIVATE = _networks("127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 ::1/128 fc00::/7")

# Unspecified, link-local, multicast, reserved; then metadata services that stand elsewhere: Alibaba, Azure, Oracle,
# AWS over IPv6, Google over IPv6.
_NEVER = _networks(
    "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 ::/128 fe80::/10 fec0::/10 ff00::/8 "
    "100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::/32 fd20:ce::254/128"
)

# Private, protocol assignments, documentation, 6to4 relays, benchmarking.
_SPECIAL_4 = (
    *(network for network in _PRIVATE if isinstance(network, IPv4Network)),
    *_networks("192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24"),
)

# Protocol assignments (Teredo, ORCHID, benchmarking), documentation, 6to4 (already judged by what it wraps).
_SPECIAL_6 = _networks("2001::/23 2001:db8::/32 2002::/16 3fff::/20")
