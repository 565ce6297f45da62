"""History over HTTP, in the recorded shapes."""

from tests.pubnub_broker.messages import Http, publish


async def test_history_answers_have_the_recorded_shapes(http: Http) -> None:
    assert await http("GET", "/v2/history/sub-key/s/channel/c") == (200, [[], 0, 0])
    timetoken = await publish(http, "c", "hey", "&meta=%7B%22m%22%3A1%7D")
    assert await http("GET", "/v2/history/sub-key/s/channel/c") == (200, [["hey"], timetoken, timetoken])
    done = {"status": 200, "error": False, "error_message": ""}
    wanted = "include_meta=true&include_uuid=true&include_message_type=true&include_custom_message_type=true"
    record = {"message": "hey", "timetoken": str(timetoken)}
    full = record | {"meta": {"m": 1}, "uuid": "alice", "message_type": None, "custom_message_type": ""}
    for path, shape in (
        ("channel/c,empty", {"channels": {"c": [record]}}),
        (f"channel/c?max=1&{wanted}", {"channels": {"c": [full]}}),
        (f"message-counts/c,d?timetoken={timetoken - 10}", {"channels": {"c": 1, "d": 0}}),
    ):
        assert await http("GET", f"/v3/history/sub-key/s/{path}") == (200, done | shape), path
    assert await http("DELETE", "/v3/history/sub-key/s/channel/c") == (200, done)
    assert await http("GET", "/v3/history-with-actions/sub-key/s/channel/c") == (200, done | {"channels": {}})
