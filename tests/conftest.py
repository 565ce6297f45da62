"""Rules for every test: no actor is left behind, and Pykka's log of an actor's death fails the test."""

import logging
from collections.abc import Iterator

import pytest
from pykka import ActorRegistry


@pytest.fixture(autouse=True)
def no_actor_dies_or_stays(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Mark a test ``actors_may_fail`` if an actor's death is what it is about."""
    yield
    leftovers = ActorRegistry.get_all()
    if leftovers:
        ActorRegistry.stop_all(block=False)
        pytest.fail(f"left behind: {', '.join(map(str, leftovers))}")
    if request.node.get_closest_marker("actors_may_fail") is None:
        deaths = [
            r.getMessage() for r in caplog.get_records("call") if r.name == "pykka" and r.levelno >= logging.ERROR
        ]
        assert not deaths, deaths
