"""An issuer's keys over its life: published, withdrawn, replaced; the issuer away, and back."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from actors.metrics import IssuerMetrics
from tests.fakes.key_issuer import KeyIssuer, key_issuer, public_jwk
from tests.keys import rsa_key
from tests.timeouts import TIMEOUT_S
from tests.transport.access.tokens import GOOD, NOW, token
from transport.access.authentication import Authenticator, Claims
from transport.access.jwks_keys import ASKED_BURST, JwksKeys
from transport.errors import KeysUnavailable, SigningKeyMissing, TokenRefused

KEY, OTHER_KEY = rsa_key(1), rsa_key(2)
EC_KEY = ec.generate_private_key(ec.SECP384R1())
LONG_S = 3600.0


def signed(key: Any = KEY, kid: str | None = "one", algorithm: str = "RS256", **claims: Any) -> str:
    header = {} if kid is None else {"kid": kid}
    return token({**GOOD, **claims}, key, algorithm, **header)


@pytest.fixture
async def issuer() -> AsyncIterator[KeyIssuer]:
    async with key_issuer() as issuer:
        issuer.publish(public_jwk(KEY, kid="one"))
        yield issuer


class Verifier:
    """An ``Authenticator`` by an issuer's keys, and what became of them."""

    def __init__(self, issuer: KeyIssuer, refresh_s: float = LONG_S, retry_s: float = LONG_S, **options: Any) -> None:
        self.metrics = IssuerMetrics()
        keys = JwksKeys(issuer.url, metrics=self.metrics, refresh_s=refresh_s, retry_s=retry_s, **options)
        self.authenticator = Authenticator(keys)
        self.keys = keys
        self.left: list[set[str]] = []
        """The thumbprints that are left, each time that keys were withdrawn."""

    def withdrawn(self, known: Collection[str]) -> None:
        self.left.append(set(known))

    async def judge(self, text: str) -> Claims:
        try:
            return self.authenticator.authenticate(text)
        except SigningKeyMissing as missing:
            return await self.authenticator.authenticate_fetching(text, missing)

    async def judge_at_last(self, text: str) -> Claims:
        """Judge it when a fetch was in time: on a busy machine one may take longer than its time-out."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                with suppress(KeysUnavailable):
                    return await self.judge(text)
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Verifier"]:
        watch = asyncio.create_task(self.keys.watch(self.withdrawn))
        try:
            yield self
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():
            await asyncio.sleep(0.005)


async def test_keys_are_fetched_when_they_are_needed_first_and_once_for_all(issuer: KeyIssuer) -> None:
    verifier = Verifier(issuer)
    with pytest.raises(SigningKeyMissing):
        verifier.authenticator.authenticate(signed())
    found = await asyncio.gather(*(verifier.judge(signed()) for _ in range(20)))
    assert {claims.user_id for claims in found} == {"ann"}
    assert verifier.authenticator.authenticate(signed()) == found[0]
    assert len(issuer.requests) == 1
    assert (verifier.metrics.problem, verifier.metrics.keys) == (None, 1)


async def test_a_token_is_judged_by_its_keys_type_and_several_stand_in_one_set(issuer: KeyIssuer) -> None:
    issuer.publish(public_jwk(KEY, kid="r"), public_jwk(EC_KEY, kid="e"), public_jwk(OTHER_KEY, use="enc", kid="x"))
    verifier = Verifier(issuer)
    for good in (signed(kid="r", algorithm="PS512"), signed(EC_KEY, "e", "ES384"), signed(EC_KEY, None, "ES384")):
        assert (await verifier.judge(good)).user_id == "ann"
    for bad in (signed(OTHER_KEY, "r"), signed(OTHER_KEY, "x"), signed(KEY, "e"), signed(EC_KEY, "r", "ES384")):
        with pytest.raises(TokenRefused, match=r"unknown key|signature is wrong"):
            await verifier.judge(bad)


@pytest.mark.parametrize(("published", "named"), [(None, None), (None, "one"), ("one", None)])
async def test_keys_and_tokens_without_an_id_find_each_other(
    issuer: KeyIssuer, published: str | None, named: str | None
) -> None:
    members = {} if published is None else {"kid": published}
    issuer.publish(public_jwk(OTHER_KEY, kid="two"), public_jwk(KEY, **members), public_jwk(EC_KEY))
    verifier = Verifier(issuer)
    assert (await verifier.judge(signed(kid=named))).user_id == "ann"
    with pytest.raises(TokenRefused, match="signature is wrong"):
        await verifier.judge(signed(rsa_key(3), named))


@pytest.mark.parametrize(
    "after",
    [
        [public_jwk(OTHER_KEY, kid="two")],
        [public_jwk(OTHER_KEY, kid="one")],
        [public_jwk(EC_KEY, kid="one")],
        [public_jwk(KEY, kid="one", use="enc"), public_jwk(EC_KEY)],
    ],
    ids=["withdrawn", "replaced under its id", "replaced by another type", "not for signatures any more"],
)
async def test_the_timer_ends_the_tokens_of_a_key_that_is_gone_remembered_ones_too(
    issuer: KeyIssuer, after: list[dict[str, Any]]
) -> None:
    async with Verifier(issuer, refresh_s=0.01).watching() as verifier:
        remembered = signed()
        await verifier.judge(remembered)
        (before,) = verifier.keys.known.thumbprints
        issuer.publish(*after)
        await until(lambda: bool(verifier.left))
        assert verifier.left == [verifier.keys.known.thumbprints]
        assert before not in verifier.left[0]
        for old in (remembered, signed(jti="new")):
            with pytest.raises(TokenRefused, match=r"unknown key|signature is wrong"):
                await verifier.judge(old)


async def test_keys_are_compared_by_their_material_not_by_how_they_are_written(issuer: KeyIssuer) -> None:
    async with Verifier(issuer, refresh_s=0.01).watching() as verifier:
        remembered = signed()
        await verifier.judge(remembered)
        issuer.publish(public_jwk(EC_KEY), public_jwk(KEY, use="sig", x5t="abc", alg="RS256", kid="renamed"))
        await until(lambda: len(verifier.keys.known) == 2)
        assert verifier.authenticator.authenticate(remembered).user_id == "ann"
        assert verifier.left == []


async def test_a_key_replaced_under_its_id_is_fetched_with_its_first_token(issuer: KeyIssuer) -> None:
    async with Verifier(issuer).watching() as verifier:
        await verifier.judge(signed())
        issuer.publish(public_jwk(OTHER_KEY, kid="one"))
        assert (await verifier.judge(signed(OTHER_KEY))).user_id == "ann"
        assert len(verifier.left) == 1
        with pytest.raises(TokenRefused, match="signature is wrong"):
            await verifier.judge(signed())


async def test_a_token_of_a_key_that_is_published_during_a_fetch_waits_for_the_next(issuer: KeyIssuer) -> None:
    issuer.answers.clear()
    async with Verifier(issuer).watching() as verifier:
        await until(lambda: len(issuer.requests) == 1)
        judging = asyncio.create_task(verifier.judge(signed(OTHER_KEY, "two")))
        issuer.next_bodies.append(issuer.body)  # what is under way gets the set of before
        issuer.publish(public_jwk(OTHER_KEY, kid="two"))
        issuer.answers.set()
        assert (await judging).user_id == "ann"
        assert len(issuer.requests) == 2


async def test_strangers_cause_few_fetches_and_are_refused_as_before(issuer: KeyIssuer) -> None:
    async with Verifier(issuer).watching() as verifier:
        await verifier.judge(signed())
        before = len(issuer.requests)
        for number in range(5 * ASKED_BURST):
            with pytest.raises(TokenRefused, match=r"unknown key|signature is wrong"):
                await verifier.judge(signed(OTHER_KEY, "one" if number % 2 else f"{number}"))
        assert len(issuer.requests) - before <= ASKED_BURST + 1
        assert verifier.metrics.tokens_undecided == 0


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 60}, "expired"),
        ({"nbf": NOW + 3600}, "not valid yet"),
        ({"iss": "another"}, "another issuer"),
        ({"aud": "another"}, "another audience"),
        ({"exp": "soon"}, "malformed"),
        ({"exp": None}, "lacks the claim 'exp'"),
    ],
)
async def test_what_no_key_would_make_valid_causes_no_fetch(
    issuer: KeyIssuer, claims: dict[str, Any], reason: str
) -> None:
    keys = JwksKeys(issuer.url)
    authenticator = Authenticator(keys, audience="syncd", issuer="us")
    with pytest.raises(TokenRefused, match=reason) as refused:
        authenticator.authenticate(signed(**{"aud": "syncd", "iss": "us", **claims}))
    assert not isinstance(refused.value, SigningKeyMissing)
    assert issuer.requests == []


def go_away(issuer: KeyIssuer, how: str) -> None:
    match how:
        case "refuses connections":
            issuer.stop()
        case "is broken":
            issuer.status = "500 Internal Server Error"
        case "shows its log-in page":
            issuer.body = b"<!doctype html>"
        case "redirects":
            issuer.status, issuer.headers = "302 Found", {"Location": "/elsewhere"}
        case "says nothing":
            issuer.answers.clear()


async def come_back(issuer: KeyIssuer, *jwks: dict[str, Any]) -> None:
    issuer.status, issuer.headers = "200 OK", {}
    issuer.publish(*jwks)
    issuer.answers.set()
    issuer.stop()
    await issuer.start()


AWAY = ["refuses connections", "is broken", "shows its log-in page", "redirects", "says nothing"]


@pytest.mark.parametrize("how", AWAY)
async def test_while_the_issuer_was_never_there_no_token_is_refused_and_its_coming_is_seen(
    issuer: KeyIssuer, how: str
) -> None:
    go_away(issuer, how)
    async with Verifier(issuer, retry_s=0.01, timeout_s=0.2).watching() as verifier:
        assert verifier.metrics.problem == "the issuer's keys have not been fetched yet"
        for text in (signed(), signed(kid=None), signed(OTHER_KEY)):
            with pytest.raises(KeysUnavailable, match="issuer of the keys is away"):
                await verifier.judge(text)
        assert verifier.metrics.tokens_undecided == 3
        assert verifier.metrics.fetch_failures >= 1
        assert "cannot be fetched: " in (verifier.metrics.problem or "")
        with pytest.raises(TokenRefused, match="algorithm is not allowed"):
            await verifier.judge(token())
        await come_back(issuer, public_jwk(KEY, kid="one"))
        await until(lambda: verifier.metrics.problem is None)
        assert verifier.authenticator.authenticate(signed()).user_id == "ann"


@pytest.mark.parametrize("how", AWAY)
async def test_while_the_issuer_is_away_known_keys_go_on_and_tokens_of_others_are_not_refused(
    issuer: KeyIssuer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "transport.access.jwks_keys")
    async with Verifier(issuer, refresh_s=0.01, retry_s=0.01, timeout_s=0.2).watching() as verifier:
        remembered = signed()
        await verifier.judge_at_last(remembered)
        caplog.clear()
        go_away(issuer, how)
        before = verifier.metrics.fetch_failures
        await until(lambda: verifier.metrics.fetch_failures >= before + 3)
        for good in (remembered, signed(jti="new")):
            assert verifier.authenticator.authenticate(good).user_id == "ann"
        for other in (signed(OTHER_KEY, "two"), signed(OTHER_KEY, "one")):
            with pytest.raises(KeysUnavailable):
                await verifier.judge(other)
        assert verifier.left == []
        await come_back(issuer, public_jwk(OTHER_KEY, kid="two"))
        await until(lambda: verifier.metrics.problem is None)
        assert len(verifier.left) == 1
        assert verifier.authenticator.authenticate(signed(OTHER_KEY, "two")).user_id == "ann"
        with pytest.raises(TokenRefused, match="unknown key"):
            await verifier.judge_at_last(remembered)
    # Each outage is said once, and its end: a busy machine has further ones.
    changes = re.findall("1 known ones stay in use|can be fetched again", caplog.text)
    assert set(changes) == {"1 known ones stay in use", "can be fetched again"}
    assert all(before != after for before, after in pairwise(changes))


async def test_nobody_waits_for_an_issuer_that_is_known_to_be_away(issuer: KeyIssuer) -> None:
    async with Verifier(issuer, retry_s=0.0, timeout_s=LONG_S).watching() as verifier:
        await verifier.judge(signed())
        issuer.status = "500 Internal Server Error"
        with pytest.raises(KeysUnavailable):
            await verifier.judge(signed(OTHER_KEY, "two"))
        asked = len(issuer.requests)
        issuer.answers.clear()
        await until(lambda: len(issuer.requests) > asked)  # the timer's next, which nothing answers
        with pytest.raises(KeysUnavailable):
            await verifier.judge(signed(OTHER_KEY, "two"))


@pytest.mark.parametrize("jwks", [[], [{"kty": "oct", "k": "c2VjcmV0"}], [public_jwk(KEY, kid="one", use="enc")]])
async def test_a_set_without_a_usable_key_withdraws_all_and_refuses_none(
    issuer: KeyIssuer, jwks: list[dict[str, Any]]
) -> None:
    async with Verifier(issuer, refresh_s=0.01, retry_s=0.01).watching() as verifier:
        await verifier.judge(signed())
        issuer.publish(*jwks)
        await until(lambda: bool(verifier.left))
        assert verifier.left == [set()]
        with pytest.raises(KeysUnavailable):
            await verifier.judge(signed())
        assert (verifier.metrics.problem, verifier.metrics.keys) == ("the issuer's key set holds no usable key", 0)
        issuer.publish(public_jwk(KEY, kid="one"))
        await until(lambda: verifier.metrics.problem is None)
        assert verifier.authenticator.authenticate(signed()).user_id == "ann"


async def test_a_set_is_read_once_for_each_change_and_its_unusable_keys_are_named_once(
    issuer: KeyIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.publish(public_jwk(KEY, kid="one"), {"kty": "oct"}, {"kty": "RSA"})
    async with Verifier(issuer, refresh_s=0.0).watching() as verifier:
        await until(lambda: len(issuer.requests) >= 5)
        known = verifier.keys.known
        issuer.headers = {"ETag": '"another"'}  # the same set, sent again
        await until(lambda: len(issuer.requests) >= 10)
        assert verifier.keys.known is known
        issuer.body += b" "
        issuer.headers = {}
        await until(lambda: verifier.keys.known is not known)
    named = [record.getMessage() for record in caplog.records if "not used" in record.getMessage()]
    assert len(named) == 1
    assert named[0].startswith("2 keys of the issuer's set are not used: key 2: it is no RSA")


async def test_the_issuer_is_told_who_asks(issuer: KeyIssuer) -> None:
    await Verifier(issuer, user_agent="syncd/9").judge(signed())
    assert "\r\nUser-Agent: syncd/9\r\n" in issuer.requests[0]


async def test_the_end_of_the_watch_leaves_no_fetch_behind(issuer: KeyIssuer) -> None:
    issuer.answers.clear()
    async with Verifier(issuer).watching():
        await until(lambda: len(issuer.requests) == 1)
    await until(lambda: len(asyncio.all_tasks()) <= 2)  # this test's, and the issuer's


@pytest.mark.parametrize(
    ("url", "algorithms", "named"),
    [
        ("file:///etc/passwd", ["RS256"], "^jwks-url: it is no http"),
        ("https://ann:pw@issuer.example", ["RS256"], "^jwks-url: it must not hold"),
        ("https://issuer.example", ["HS256"], "^jwt-algorithms must be of RS256, .*, EdDSA, not HS256"),
        ("https://issuer.example", ["RS256", "none"], "^jwt-algorithms must be of .*, not none"),
        ("https://issuer.example", [], "^jwt-algorithms must be of .*, not none"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(url: str, algorithms: list[str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        JwksKeys(url, algorithms)
