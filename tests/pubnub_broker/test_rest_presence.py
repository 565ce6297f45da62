"""Presence over HTTP, in the recorded shapes."""

from tests.pubnub_broker.messages import ALICE, Http


async def test_answers_have_the_recorded_shapes(http: Http) -> None:
    presence, done = "/v2/presence/sub-key/s", {"status": 200, "message": "OK", "service": "Presence"}
    for path, shape in (
        (f"{presence}/channel/c,d/heartbeat?heartbeat=300&{ALICE}", done),
        (f"{presence}/channel/c", done | {"uuids": ["alice"], "occupancy": 1}),
        (f"{presence}/channel/c?disable_uuids=1", done | {"occupancy": 1}),
        (f"{presence}/channel/c?limit=0", done | {"uuids": [], "occupancy": 1}),
        (f"{presence}/channel/c?state=1", done | {"uuids": [{"uuid": "alice", "state": {}}], "occupancy": 1}),
        (f"{presence}/uuid/alice", done | {"payload": {"channels": ["c", "d"]}}),
        (f"{presence}/channel/d/leave?{ALICE}", done | {"action": "leave"}),
        (
            presence,
            done
            | {
                "payload": {
                    "channels": {"c": {"uuids": ["alice"], "occupancy": 1}},
                    "total_channels": 1,
                    "total_occupancy": 1,
                }
            },
        ),
        (f"{presence}/channel/c/uuid/u/data?state=%7B%22a%22%3A1%7D", done | {"payload": {"a": 1}}),
        (f"{presence}/channel/c/uuid/u", done | {"payload": {"a": 1}, "channel": "c", "uuid": "u"}),
    ):
        assert await http("GET", path) == (200, shape), path


async def test_a_heartbeat_keeps_the_state_it_brings(http: Http) -> None:
    channel = "/v2/presence/sub-key/s/channel/c"
    await http("GET", f"{channel}/heartbeat?uuid=u&state=%7B%22c%22%3A%7B%22a%22%3A1%7D%7D")
    _, answer = await http("GET", f"{channel}/uuid/u")
    assert answer["payload"] == {"a": 1}
