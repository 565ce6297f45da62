"""What goes on for the length of a context: the keys of tokens are kept up to date for as long as the daemon serves."""

import asyncio
from collections.abc import Collection

from syncd.background import in_background
from tests.fakes.key_issuer import key_issuer, public_jwk
from tests.keys import rsa_key
from tests.timeouts import TIMEOUT_S
from transport.access.jwks_keys import JwksKeys
from transport.access.signing_keys import shared_secret


async def test_keys_are_watched_for_the_length_of_the_context() -> None:
    left: asyncio.Queue[Collection[str]] = asyncio.Queue()
    async with key_issuer() as issuer:
        issuer.publish(public_jwk(rsa_key()))
        keys = JwksKeys(issuer.url, refresh_s=0.01)
        async with in_background(keys.watch(left.put_nowait)):
            async with asyncio.timeout(TIMEOUT_S):
                while not len(keys.known):
                    await asyncio.sleep(0.005)
                issuer.publish()
                assert await left.get() == frozenset()
        asked = len(issuer.requests)
        await asyncio.sleep(0.1)
        assert len(issuer.requests) == asked


async def test_keys_that_stay_the_same_need_no_watch() -> None:
    async with in_background(shared_secret("a secret of more than thirty-two bytes").watch(print)):
        pass
