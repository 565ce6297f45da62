"""A list of 10,000 contents over a link that breaks again and again: the client and a service on real sockets."""

import asyncio
from pathlib import Path

from syncd_client import Client, Confirmed, Disconnected, Event, Refused, SqliteStore, Updated

from tests.fakes.breaking_service import ITEMS, PIECE_ITEMS, PIECES_EACH, UNWANTED, BreakingService, content
from tests.timeouts import TIMEOUT_S

MINE = content(500_000)


async def get_token() -> str:
    return "a-token"


async def test_a_long_list_comes_whole_over_a_link_that_breaks_and_is_never_shown_by_half(tmp_path: Path) -> None:
    targets: list[str] = []
    events: list[Event] = []
    shown: set[int] = set()

    async with BreakingService(targets.append).running() as service:
        client = Client(service.url, SqliteStore(tmp_path / "client.db"))

        def go_on(event: Event) -> None:
            events.append(event)
            if isinstance(event, Updated):
                shown.add(len(client.items))
            if isinstance(event, Disconnected) and event.retry_in_ms is not None:
                client.connect()  # as an app does that is told of the network

        async with client, asyncio.timeout(TIMEOUT_S):
            client.subscribe(go_on)
            client.sign_in("alice", get_token)
            added = client.add(MINE).id
            refused = client.add(UNWANTED).id
            await client.wait_until(lambda: client.queued == 0)
            assert [item.content_id for item in client.items] == [MINE, *map(content, range(1, ITEMS))]

    cursors = [target.partition("&snapshot_cursor=")[2] for target in targets]
    behind = [f"20000%2F{PIECE_ITEMS * PIECES_EACH * count}" for count in range(1, 4)]
    again = [f"20001%2F{PIECE_ITEMS * PIECES_EACH * count}" for count in range(1, 7)]
    assert cursors == ["", *behind, *again]
    assert {target.partition("&snapshot_cursor=")[0] for target in targets} == {"/ws?snapshot=pieces&since=0"}
    pieces_before = PIECES_EACH * len(behind)
    assert service.pieces_sent == pieces_before + ITEMS // PIECE_ITEMS
    assert shown <= {0, 1, 2, ITEMS + 2, ITEMS + 1, ITEMS}
    # The first replica had no room: both adds went on under the second one, and the app saw nothing of that.
    assert [write["operation_id"] for write in service.writes] == [added, refused, added, refused]
    assert [event.operation_id for event in events if isinstance(event, Confirmed)] == [added]
    assert [(event.operation_id, event.code) for event in events if isinstance(event, Refused)] == [
        (refused, "quota_exceeded")
    ]
