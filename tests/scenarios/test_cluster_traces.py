"""One write traced over two real nodes and a real bus: by its log lines, and by what a collector is sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from tests.fakes.collector import Collector, running_collector
from tests.scenarios.conftest import (
    WATCHLIST,
    Bearer,
    BusServer,
    ClusterNode,
    Publisher,
    PubNubBroker,
    StartNode,
    Watch,
)

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-01"
A_LIST = "/api/v1/sync/lists/kids"


def lines(node: ClusterNode) -> list[dict[str, Any]]:
    """Return what the node's log says of traced writes, in order: ``grep trace_id``."""
    logged = map(json.loads, node.log.read_text().splitlines())
    return [line for line in logged if line.get("trace_id") == TRACE_ID]


def stages(node: ClusterNode) -> list[str]:
    return [line["event"] for line in lines(node)]


async def write(
    http: aiohttp.ClientSession, node: ClusterNode, number: int, headers: dict[str, str], path: str = WATCHLIST
) -> None:
    body = {"operation": "add", "content_id": str(UUID(int=number))}
    async with http.post(node.url + path, json=body, headers=headers) as response:
        assert response.status == 200, await response.text()


async def test_the_logs_of_both_nodes_tell_the_whole_way_of_a_traced_write_and_only_of_that(
    bus: BusServer, start_node: StartNode, watch: Watch, http: aiohttp.ClientSession, bearer: Bearer, until: Until
) -> None:
    here, there = [await start_node(*bus.flags) for _ in range(2)]
    followed = ("watchlist", "list:kids")
    tv, pc = await watch(here, "ann", "tv", *followed), await watch(there, "ann", "pc", *followed)
    for number, traceparent in enumerate(("00-garbage", SAMPLED, SAMPLED[:-1] + "0"), start=1):
        await write(http, here, number, bearer("ann", "phone") | {"traceparent": traceparent})
    shown = {device: [await device.next() for _ in range(3)] for device in (tv, pc)}
    assert [message.get("traceparent") is not None for message in shown[tv]] == [False, True, False]

    async def is_told(times: int = 1) -> bool:
        return min(stages(here).count("published"), stages(there).count("written")) == times

    await until(is_told)
    assert [stage for stage in stages(here) if stage != "published"] == [
        "accepted", "committed", "answered", "relayed", "written",
    ]  # fmt: skip
    assert stages(there) == ["received", "relayed", "written"]

    first = {line["event"]: line for line in lines(here)}
    second = {line["event"]: line for line in lines(there)}
    assert (first["accepted"]["parent_id"], first["accepted"]["via"]) == (PARENT_ID, "http")
    assert first["answered"]["span_id"] == first["accepted"]["span_id"]
    for stage in ("committed", "relayed", "published"):
        assert first[stage]["parent_id"] == first["accepted"]["span_id"]
    assert first["written"]["parent_id"] == first["relayed"]["span_id"]
    assert (first["written"]["device_id"], first["relayed"]["devices"]) == ("tv", 1)
    assert second["received"]["parent_id"] == first["published"]["span_id"]
    assert second["received"]["origin"] == first["accepted"]["node"] != second["received"]["node"]
    assert second["relayed"]["parent_id"] == second["received"]["span_id"]
    assert second["written"]["device_id"] == "pc"
    for line in (*first.values(), *second.values()):
        assert (line["user"], line["logger"], line["level"]) == ("ann", "syncd.trace", "info")
        assert line.get("revision") == (None if line["event"] == "accepted" else 2)
        assert line["ms"] >= 0
    # Each device may go on from the relay on its own node.
    for device, told in ((tv, first), (pc, second)):
        assert shown[device][1]["traceparent"] == f"00-{TRACE_ID}-{told['relayed']['span_id']}-01"
    # A write to a list goes the same way, beside that to the watchlist of the same revision.
    for number in (1, 2):
        await write(http, here, number, bearer("ann", "phone") | {"traceparent": SAMPLED}, A_LIST)
    for device in (tv, pc):
        (update, _) = [await device.next() for _ in range(2)]
        assert (update["type"], update["revision"], update["traceparent"][3:35]) == ("list_update", 1, TRACE_ID)
    await until(lambda: is_told(3))
    of_list = [line for line in lines(there) if line["collection"] == "list"]
    assert [(line["event"], line["revision"]) for line in of_list] == [
        (stage, revision) for revision in (1, 2) for stage in ("received", "relayed", "written")
    ]


async def test_a_foreign_publishers_write_is_traced_too(
    broker: PubNubBroker, start_node: StartNode, publisher: Publisher, watch: Watch, until: Until
) -> None:
    node = await start_node(*broker.flags, "--bus-foreign", "on")
    tv = await watch(node, "ann", "tv")
    message = {
        "type": "watchlist_update", "operation": "add", "content_id": str(UUID(int=1)), "unique_tag": "movie-1",
        "timestamp": None, "device_id": "device-a",
    }  # fmt: skip
    await publisher.publish("ann", message | {"traceparent": SAMPLED})
    assert (await tv.next())["traceparent"].startswith(f"00-{TRACE_ID}-")

    async def is_written() -> bool:
        return "written" in stages(node)

    await until(is_written)
    assert stages(node)[:3] == ["accepted", "committed", "answered"]
    assert lines(node)[0]["via"] == "channel"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with running_collector() as collector:
        yield collector


async def test_a_collector_is_sent_one_trace_whose_spans_hang_together_across_the_nodes(
    collector: Collector,
    broker: PubNubBroker,
    start_node: StartNode,
    watch: Watch,
    http: aiohttp.ClientSession,
    bearer: Bearer,
    until: Until,
) -> None:
    here, there = [await start_node(*broker.flags, "--otlp-endpoint", collector.url) for _ in range(2)]
    tv, pc = await watch(here, "ann", "tv"), await watch(there, "ann", "pc")
    await write(http, here, 1, bearer("ann", "phone"))
    await write(http, here, 2, bearer("ann", "phone") | {"traceparent": SAMPLED})
    for device in (tv, pc):
        assert await device.revisions(2) == [1, 2]

    async def is_told() -> bool:
        return "published" in stages(here) and "written" in stages(there)

    await until(is_told)
    await asyncio.gather(here.child.terminate(), there.child.terminate())  # which exports what is left

    own = {span.name: span for resource, span in collector.spans if resource["service.instance.id"] == node_of(here)}
    other = {span.name: span for resource, span in collector.spans if resource["service.instance.id"] == node_of(there)}
    assert sorted(own) == ["bus publish", "journal commit", "relay", "watchlist write", "write to device"]
    assert sorted(other) == ["bus receive", "relay", "write to device"]
    assert len(collector.spans) == len(own) + len(other)
    assert {resource["service.name"] for resource, _ in collector.spans} == {"syncd"}
    assert {span.trace_id.hex() for _, span in collector.spans} == {TRACE_ID}
    kinds = {span.name: span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_") for _, span in collector.spans}
    assert (kinds["watchlist write"], kinds["bus publish"], kinds["bus receive"]) == ("SERVER", "PRODUCER", "CONSUMER")
    root = own["watchlist write"]
    assert root.parent_span_id.hex() == PARENT_ID
    for child in ("journal commit", "relay", "bus publish"):
        assert own[child].parent_span_id == root.span_id
    assert own["write to device"].parent_span_id == own["relay"].span_id
    assert other["bus receive"].parent_span_id == own["bus publish"].span_id
    assert other["relay"].parent_span_id == other["bus receive"].span_id
    assert other["write to device"].parent_span_id == other["relay"].span_id
    for _, span in collector.spans:
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
    assert root.start_time_unix_nano <= own["journal commit"].end_time_unix_nano <= root.end_time_unix_nano
    # The log has the same ids.
    assert {line["span_id"] for line in (*lines(here), *lines(there))} == {
        span.span_id.hex() for _, span in collector.spans
    }


def node_of(node: ClusterNode) -> str:
    name: str = lines(node)[0]["node"]
    return name
