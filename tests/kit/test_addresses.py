"""What a user's URL may reach, tried with every disguise of a forbidden address that is known."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthside.kit.addresses import AddressRefused, check_addresses, is_allowed, parse_url

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:801::200e"]

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("::1", "fc00::1", "fd12:3456::1"),
]

DISGUISED_PRIVATE = [
    "::ffff:127.0.0.1",  # mapped
    "::ffff:10.1.2.3",
    "64:ff9b::7f00:1",  # NAT64
    "64:ff9b::a00:1",
    "2002:7f00:1::",  # 6to4
    "2002:c0a8:101::1",
]

NEVER = [
    *("0.0.0.0", "0.1.2.3", "169.254.0.1", "169.254.169.254", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("::", "fe80::1", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::ffff:0.0.0.0"),
    "::127.0.0.1",  # the old IPv4-compatible form
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1", "64:ff9b:1::7f00:1", "100::1", "5f00::1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_for_everyone(address: str) -> None:
    assert is_allowed(ip_address(address), trusted=False)
    assert is_allowed(ip_address(address), trusted=True)


@pytest.mark.parametrize("address", PRIVATE + DISGUISED_PRIVATE)
def test_private_addresses_are_for_trusted_destinations_only(address: str) -> None:
    assert not is_allowed(ip_address(address), trusted=False)
    assert is_allowed(ip_address(address), trusted=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_for_nobody(address: str) -> None:
    assert not is_allowed(ip_address(address), trusted=False)
    assert not is_allowed(ip_address(address), trusted=True)


@given(st.ip_addresses())
def test_what_a_user_may_reach_is_never_what_python_knows_to_be_special(address: IPv4Address | IPv6Address) -> None:
    if is_allowed(address, trusted=False):
        embedded = getattr(address, "sixtofour", None) or address
        assert embedded.is_global
        special = (address.is_multicast, address.is_loopback, address.is_link_local, address.is_unspecified)
        assert not any(special)
        assert is_allowed(address, trusted=True)


@given(st.ip_addresses(v=4))
def test_a_wrapped_ipv4_address_is_judged_as_itself(inner: IPv4Address) -> None:
    number = int(inner)
    for wrapped in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        for trusted in (False, True):
            assert is_allowed(IPv6Address(wrapped), trusted=trusted) == is_allowed(inner, trusted=trusted)


def test_one_bad_address_among_good_ones_refuses_them_all() -> None:
    good, bad = ip_address("1.1.1.1"), ip_address("10.0.0.1")
    check_addresses([good], trusted=False)
    with pytest.raises(AddressRefused):
        check_addresses([good, bad], trusted=False)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.example.com/v1", ("https", "api.example.com", 443), "/v1"),
        ("http://EXAMPLE.com:8080", ("http", "example.com", 8080), "/"),
        ("https://example.com./a", ("https", "example.com", 443), "/a"),
        ("http://[2606:4700:4700:0::1111]/", ("http", "2606:4700:4700::1111", 80), "/"),
        ("http://127.0.0.1:11434/api", ("http", "127.0.0.1", 11434), "/api"),
        ("http://bücher.example/", ("http", "xn--bcher-kva.example", 80), "/"),
        ("http://llm_server:8000/", ("http", "llm_server", 8000), "/"),
        ("https://example.com/a%20b/ü?x=1%2B1", ("https", "example.com", 443), "/a%20b/%C3%BC"),
    ],
)
def test_urls_are_taken_apart(url: str, origin: tuple[str, str, int], path: str) -> None:
    target = parse_url(url)
    assert target.origin == origin
    assert target.path == path


@pytest.mark.parametrize(
    "url",
    [
        *("http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.1.5/"),
        *("http://0x7f.0.0.1/", "http://1.2.3.0x4/", "http://127.0.0.01/", "http://256.1.1.1/", "http://example.1/"),
        *("ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com", ""),
        *(
            "http://user@example.com/",
            "http://user:pass@example.com/",
            "http://a@b@example.com/",
            "http://@example.com/",
        ),
        *("http://example.com:0/", "http://example.com:65536/", "http://example.com:x/", "http://example.com:22/"),
        *(
            "http://exa mple.com/",
            "http://example.com\\@evil.com/",
            "http://example.com/\r\nHost: evil",
            "http://a\tb/",
        ),
        *("http:///path", "http://-a.com/", "http://a..b/", "http://a%2eb/", "http://[::1", "http://[::1%25eth0]/"),
        *("http://[fe80::1%eth0]/", "http://[v1.a]/", "http://[1.2.3.4]/", "http://" + "a" * 64 + ".com/"),
    ],
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        parse_url(url)


def test_digits_of_other_scripts_are_seen_through() -> None:
    """IDNA folds full-width digits into ASCII: the address must be judged after that."""
    target = parse_url("http://１２７.0.0.1/")
    assert target.literal == ip_address("127.0.0.1")


@given(st.text(max_size=30))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = parse_url(f"http://{text}")
    except AddressRefused:
        return
    assert target.host.isascii()
    assert "@" not in target.host
    assert 0 < target.port < 65536
