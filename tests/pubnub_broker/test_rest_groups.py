"""Channel groups over HTTP, in the recorded shapes."""

from tests.pubnub_broker.messages import Http

GROUP = "/v1/channel-registration/sub-key/s/channel-group/g"


async def test_answers_have_the_recorded_shapes(http: Http) -> None:
    registered = {"status": 200, "message": "OK", "service": "channel-registry", "error": False}
    for path, shape in (
        (f"{GROUP}?add=a,b", registered),
        (GROUP, registered | {"payload": {"channels": ["a", "b"], "group": "g"}}),
        (f"{GROUP}/remove", registered),
        (GROUP, registered | {"payload": {"channels": [], "group": "g"}}),
    ):
        assert await http("GET", path) == (200, shape), path


async def test_a_wildcard_cannot_be_in_a_group_and_nothing_of_the_request_is_done(http: Http) -> None:
    status, answer = await http("GET", f"{GROUP}?add=a,b.%2A")
    assert (status, "b.*" in answer["message"]) == (400, True)
    assert (await http("GET", GROUP))[1]["payload"]["channels"] == []


async def test_channels_are_added_and_removed_in_one_request(http: Http) -> None:
    await http("GET", f"{GROUP}?add=a,b")
    await http("GET", f"{GROUP}?add=c&remove=a")
    assert (await http("GET", GROUP))[1]["payload"]["channels"] == ["b", "c"]
