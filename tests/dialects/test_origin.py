import pytest
from starlette.datastructures import Headers

from hearthside.dialects.origin import HostRule, client_address, is_cross_site, parse_networks


@pytest.mark.parametrize(
    ("configured", "listens_on", "host", "allowed"),
    [
        ((), "127.0.0.1", "localhost:8000", True),
        ((), "127.0.0.1", "LOCALHOST", True),
        ((), "127.0.0.1", "[::1]:8000", True),
        ((), "127.0.0.1", "127.0.0.1:8000", True),
        ((), "127.0.0.1", None, True),
        ((), "127.0.0.1", "evil.example", False),
        ((), "127.0.0.1", "127.0.0.1.evil.example", False),
        ((), "127.0.0.1", "10.0.0.5", False),
        ((), "10.0.0.5", "10.0.0.5:8000", True),
        ((), "0.0.0.0", "192.168.1.4:8000", True),
        ((), "0.0.0.0", "[2001:db8::1]", True),
        ((), "::", "192.168.1.4", True),
        ((), "0.0.0.0", "evil.example", False),
        (("chat.example.com",), "0.0.0.0", "chat.example.com", True),
        (("chat.example.com",), "0.0.0.0", "chat.example.com.", True),
        (("chat.example.com",), "0.0.0.0", "192.168.1.4", False),
        (("*",), "0.0.0.0", "anything", True),
        ((), "127.0.0.1", "", False),
        ((), "127.0.0.1", "localhost:port", False),
        ((), "127.0.0.1", "localhost@evil.example", False),
        ((), "127.0.0.1", "[::1", False),
    ],
)
def test_hosts(configured: tuple[str, ...], listens_on: str, host: str | None, allowed: bool) -> None:
    assert HostRule(configured, listens_on=listens_on).allows(host) is allowed


@pytest.mark.parametrize(
    ("method", "headers", "crosses"),
    [
        ("POST", {}, False),
        ("GET", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"sec-fetch-site": "same-origin"}, False),
        ("POST", {"sec-fetch-site": "none"}, False),
        ("POST", {"sec-fetch-site": "same-site"}, True),
        ("DELETE", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "nonsense"}, True),
        # a proxy may have rewritten Host; what the browser says of the site stands
        ("POST", {"sec-fetch-site": "same-origin", "origin": "https://chat.example"}, False),
        ("POST", {"sec-fetch-site": "cross-site", "origin": "http://localhost:8000"}, True),
        ("POST", {"origin": "http://localhost:8000"}, False),
        ("POST", {"origin": "http://LocalHost:8000"}, False),
        ("POST", {"origin": "http://localhost:8001"}, True),
        ("POST", {"origin": "http://localhost"}, True),
        ("POST", {"origin": "https://evil.example"}, True),
        ("POST", {"origin": "null"}, True),
        ("POST", {"origin": ""}, True),
        ("POST", {"origin": "http://localhost:port"}, True),
        ("POST", {"origin": "https://evil.example", "authorization": "Bearer x"}, False),
        ("POST", {"origin": "https://evil.example", "x-api-key": "x"}, False),
    ],
)
def test_cross_site(method: str, headers: dict[str, str], crosses: bool) -> None:
    assert is_cross_site(method, Headers({"host": "localhost:8000"} | headers)) is crosses


@pytest.mark.parametrize(
    ("host", "origin", "crosses"),
    [
        ("chat.example", "https://chat.example", False),
        ("chat.example:443", "https://chat.example", False),
        ("chat.example", "http://chat.example:80", False),
        ("chat.example", "https://chat.example:8443", True),
        ("", "null", True),
    ],
)
def test_default_ports_are_the_same_origin(host: str, origin: str, crosses: bool) -> None:
    assert is_cross_site("POST", Headers({"host": host, "origin": origin})) is crosses


TRUSTED = parse_networks(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),  # not a proxy of ours: its word counts for nothing
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),  # what the client made up stands at the beginning
        ("10.0.0.1", ["6.6.6.6", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("::1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["not an address"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        (None, ["198.51.100.7"], "unknown"),
        ("unix", [], "unix"),
    ],
)
def test_client_address(peer: str | None, forwarded: list[str], address: str) -> None:
    headers = Headers(raw=[(b"x-forwarded-for", line.encode()) for line in forwarded])
    assert client_address(peer, headers, TRUSTED) == address
