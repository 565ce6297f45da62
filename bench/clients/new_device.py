"""A new device of a user with a long list, in Chromium."""

from typing import Final

from bench.clients.chromium import CHROMIUM, client_page
from bench.clients.lists import USER, add_all, contents, token
from bench.scenario import Figure, Peer, Sample, Scenario, Target, run
from bench.servers import THIS, Checkout

ITEMS: Final = 10_000

LIVE = "from the sign-in to live, ms"
CPU = "CPU of the page's thread, ms"
LONGEST = "longest task, ms (0: none of 50)"


def measure_list(checkout: Checkout) -> Sample:
    """Measure it as it is: the device starts from the list."""
    return run(_measure(checkout, in_pieces=True))


def measure_updates() -> Sample:
    """Measure a device that asks for no pieces, and is told the history."""
    return run(_measure(THIS, in_pieces=False))


async def _measure(checkout: Checkout, *, in_pieces: bool) -> Sample:
    with checkout.daemon() as server:
        await add_all(server, contents(ITEMS))
        async with client_page(server) as page:
            found = await page.call("start", user=USER, token=token("browser"), items=ITEMS, inPieces=in_pieces)
    return {LIVE: found["live"], LONGEST: found["longest"], CPU: found["cpu"]}


SCENARIO = Scenario(
    title=f"A new device, whose list has {ITEMS:,} items; JavaScript client, Chromium",
    under_way="nothing else",
    figures=(Figure(LIVE, (Target("<", 1_000),)), Figure(LONGEST, (Target("≤", 100),)), Figure(CPU)),
    measure=measure_list,
    peers=(Peer(name="as updates", measure=measure_updates),),
    needs=(CHROMIUM,),
)
