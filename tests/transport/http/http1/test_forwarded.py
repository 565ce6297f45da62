import pytest

from tests.timeouts import TIMEOUT_S
from transport.http.http1.forwarded import SCHEME, Forwarded, Peer, TrustedProxies, with_told

PROXIES = TrustedProxies(["10.0.0.0/8", "::1", "unix"])
NOTHING = Forwarded(None, None, None)


def told(**headers: str) -> Forwarded:
    return PROXIES.told([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("::1", True),
        (None, True),
        ("11.0.0.1", False),
        ("::2", False),
        ("fe80::1%eth0", False),
        ("", False),
    ],
)
def test_proxies_are_known_by_their_addresses(peer: str | None, is_trusted: bool) -> None:
    assert PROXIES.trust(peer) is is_trusted
    assert not TrustedProxies().trust(peer)


@pytest.mark.parametrize("name", ["proxy.example", "10.0.0.1/8", "", "10.0.0"])
def test_what_is_no_address_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|host bits set"):
        TrustedProxies([name])


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.0.0.1", "192.0.2.7"),  # the client may claim what it likes
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("192.0.2.7, unknown, 10.0.0.1", "10.0.0.1"),
        ("unknown", None),
        (" ,", None),
    ],
)
def test_the_client_is_who_asked_the_first_trusted_proxy(chain: str, client: str | None) -> None:
    assert told(x_forwarded_for=chain) == Forwarded(client, None, None)
    elements = ", ".join(f'for="{hop.strip()}"' for hop in chain.split(",") if hop.strip())
    assert told(forwarded=elements) == Forwarded(client, None, None)


def test_a_chain_is_followed_from_its_end_and_not_for_ever() -> None:
    assert told(x_forwarded_for="192.0.2.7" + ",10.0.0.1" * 63) == Forwarded("192.0.2.7", None, None)
    assert told(x_forwarded_for="192.0.2.7,10.0.0.9" + ",10.0.0.1" * 63) == Forwarded("10.0.0.9", None, None)


def test_each_proxy_may_add_a_field_of_its_own() -> None:
    fields = [(b"x-forwarded-for", hop) for hop in (b"6.6.6.6", b"192.0.2.7", b"10.0.0.1")]
    assert PROXIES.told(fields) == Forwarded("192.0.2.7", None, None)


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        ({"x_forwarded_proto": "https", "x_forwarded_host": "sync.example"}, "https", "sync.example"),
        ({"x_forwarded_proto": "WSS", "x_forwarded_host": "Sync.example:8443"}, "https", "Sync.example:8443"),
        ({"x_forwarded_proto": "https, http", "x_forwarded_host": "a.example, b.example"}, "https", "a.example"),
        ({"x_forwarded_host": "sync.example", "x_forwarded_port": "8443"}, None, "sync.example:8443"),
        ({"x_forwarded_host": "[::1]", "x_forwarded_port": "8443"}, None, "[::1]:8443"),
        ({"x_forwarded_host": "sync.example:1", "x_forwarded_port": "2"}, None, "sync.example:1"),
        ({"forwarded": 'For="[::2]:1";Proto=HTTPS;host="sync.example:8443", for=10.0.0.1'}, "https",
         "sync.example:8443"),
        ({"forwarded": "proto=http;host=a.example", "x_forwarded_proto": "https"}, "https", "a.example"),
        ({"forwarded": r'host="sync\.example"'}, None, "sync.example"),
        ({"x_forwarded_proto": "ftp", "x_forwarded_host": "a b"}, None, None),
        ({"forwarded": 'host="' * 1000}, None, None),
        ({"forwarded": '"' * 2000}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_scheme_and_host_are_what_the_first_proxy_was_asked_for(
    headers: dict[str, str], scheme: str | None, host: str | None
) -> None:
    said = told(**headers)
    assert (said.scheme, said.host) == (scheme, host)


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("value", [b'"' + b'\\"' * 1_000, b"a" * 2_000])
def test_what_is_quoted_and_never_ends_is_looked_at_once(value: bytes) -> None:
    """A client's own ``Forwarded`` comes through most proxies. Each of these took 16 or 27 ms: in all, too long."""
    proxies = TrustedProxies(["10.0.0.0/8"])
    for _ in range(4_000):
        assert proxies.told([(b"forwarded", value)]) == Forwarded(None, None, None)


def test_a_request_reads_as_it_was_sent_to_the_first_proxy() -> None:
    headers = [(b"host", b"10.0.0.9:8083"), (b"accept", b"*/*")]
    assert with_told(headers, NOTHING) == headers
    said = Forwarded("192.0.2.7", "https", "sync.example")
    assert with_told(headers, said) == [(b"accept", b"*/*"), (b"host", b"sync.example"), (SCHEME, b"https")]


@pytest.mark.parametrize(
    ("address", "has_tls", "host", "scheme", "client"),
    [
        (("10.0.0.9", 5000), False, b"sync.example", [b"https"], ("192.0.2.7", 0)),
        (None, False, b"sync.example", [b"https"], ("192.0.2.7", 0)),
        (("192.0.2.1", 5000), False, b"h", [], ("192.0.2.1", 5000)),
        (("192.0.2.1", 5000), True, b"h", [b"https"], ("192.0.2.1", 5000)),
    ],
)
def test_a_trusted_proxy_is_believed_and_nobody_else(
    address: tuple[str, int] | None, has_tls: bool, host: bytes, scheme: list[bytes], client: tuple[str, int]
) -> None:
    sent = [
        (b"host", b"h"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"sync.example"),
    ]
    headers, who = Peer(address, has_tls, PROXIES).told(sent)
    assert [value for name, value in headers if name == b"host"] == [host]
    assert [value for name, value in headers if name == SCHEME] == scheme
    assert who == client


def test_that_the_proxy_itself_came_by_tls_says_nothing_of_who_came_to_it_without() -> None:
    headers, _ = Peer(("10.0.0.9", 5000), True, PROXIES).told([(b"x-forwarded-proto", b"http")])
    assert [value for name, value in headers if name == SCHEME] == [b"http"]


def test_a_proxy_that_says_nothing_is_the_client_itself() -> None:
    sent = [(b"host", b"h")]
    assert Peer(("10.0.0.9", 5000), False, PROXIES).told(sent) == (sent, ("10.0.0.9", 5000))
    assert Peer(("10.0.0.9", 5000), True, PROXIES).told(sent)[0] == [*sent, (SCHEME, b"https")]
