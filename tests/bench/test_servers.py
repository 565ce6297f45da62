"""What the bench measures, and what it compares that with."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bench.fanout_load import Load, measure, message
from bench.processes import CpuClock, memory_of, store_processes
from bench.programs import NCHAN, Program
from bench.scenario import run
from bench.servers import THIS, Checkout, MeasurementFailed, Server, empty_post, nchan, plain_websockets
from bench.write_load import measure_publishes, measure_writes
from tests.bench.conftest import need


def test_a_directory_without_a_daemon_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(MeasurementFailed, match="no checkout of syncd"):
        Checkout.at(tmp_path)


@pytest.mark.integration
def test_another_checkout_is_measured_with_its_own_code(tmp_path: Path) -> None:
    for name in ("actors", "crdt", "pages", "pubnub_broker", "storage", "syncd", "transport"):
        (tmp_path / name).symlink_to(THIS.directory / name)
    with Checkout.at(tmp_path).daemon() as server:
        assert Path(f"/proc/{server.pid}/cwd").readlink() == tmp_path


@pytest.mark.integration
def test_only_a_setting_that_the_daemon_has_is_given_to_it() -> None:
    assert THIS.if_known("--message-burst", "7") == ("--message-burst", "7")
    assert THIS.if_known("--no-such-setting", "7") == ()


@pytest.mark.integration
def test_the_daemon_and_each_process_of_its_store_are_told_apart() -> None:
    with THIS.daemon() as server:
        clock = CpuClock(server.pid)
        report = measure_writes(server, users=2, devices=2, messages=50)
        children = store_processes(server.pid)
        assert set(children) == {"writer", "reader"}
        assert set(clock.used_s()) == {"daemon", "writer", "reader"}
        assert memory_of(children.values(), "Rss") >= memory_of(children.values(), "Pss") > 0
    assert report["delivered"] == 100


@pytest.mark.integration
def test_a_server_that_is_no_daemon_has_one_figure_of_cpu_time() -> None:
    with empty_post() as server:
        assert store_processes(server.pid) == {}
        assert set(CpuClock(server.pid).used_s()) == {"daemon"}


@pytest.mark.integration
@pytest.mark.parametrize(("peer", "needs"), [(plain_websockets, ()), (nchan, (NCHAN,))])
def test_what_a_device_sends_reaches_every_device_of_its_user(
    peer: Callable[[], AbstractContextManager[Server]], needs: tuple[Program, ...]
) -> None:
    need(*needs)
    with peer() as server:
        ws = f"ws://127.0.0.1:{server.port}/ws?user={{user}}"
        load = Load(ws=ws, publish="ws", pid=server.pid, users=2, devices=3, messages=50, inflight=8)
        report = run(measure(load))
    assert report["delivered"] == report["expected"] == 150
    assert report["bytes_per_delivery"] == len(message(load, 0))


@pytest.mark.integration
def test_nchan_tells_every_device_of_a_user_and_nobody_else() -> None:
    need(NCHAN)
    with nchan() as server:
        report = measure_publishes(server, users=2, devices=3, messages=50)
    assert report["delivered"] == report["expected"] == 150
