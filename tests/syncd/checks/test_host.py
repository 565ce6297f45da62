"""What one machine may lack: an address, a directory, room, open files."""

import asyncio
import resource
import socket
from pathlib import Path
from threading import Thread

import pytest

from syncd.checks.host import OTHER_FILES, check_address, check_directory, check_open_files
from syncd.listening import bind
from syncd.settings import Settings
from tests.daemon import SECRET, DaemonProcess, StartDaemon
from tests.syncd.checks.report import Report, assert_result, limited

integration = pytest.mark.integration


@integration
def test_it_may_be_asked_beside_a_running_daemon_whatever_proxy_others_are_reached_by(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon: DaemonProcess = start_daemon(data_dir=tmp_path)
    flags = ("--data-dir", str(tmp_path), "--port", str(daemon.port))
    report = Report(*flags, SYNCD_JWT_SECRET=SECRET, http_proxy="http://127.0.0.1:9")
    assert report.done.returncode == 0
    assert report.the("address")[:2] == ("warning", f"another syncd is running on port {daemon.port}")
    assert report.the("database")[0] == "ok"


def test_a_port_that_something_else_has_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        thread = Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        report = Report("--data-dir", str(tmp_path), "--port", port)
        thread.join()
    status, detail, fix = report.the("address")
    assert (status, detail) == ("failed", f"--host 127.0.0.1 --port {port}: Address already in use")
    assert "SYNCD_PORT" in fix


@integration
def test_a_full_disk_fails(tmp_path: Path) -> None:
    report = Report("--data-dir", str(tmp_path), limits=limited(resource.RLIMIT_FSIZE, 0))
    assert report.the("directory")[:2] == ("failed", f"{tmp_path}: File too large")


def test_a_directory_in_which_nobody_may_write_fails() -> None:
    status, detail, fix = Report("--data-dir", "/proc").the("directory")  # modes would not bind root
    assert status == "failed"
    assert detail.startswith("/proc: ")
    assert "--data-dir" in fix


@integration
def test_too_few_open_files_are_a_warning(tmp_path: Path) -> None:
    report = Report("--data-dir", str(tmp_path), limits=limited(resource.RLIMIT_NOFILE, 256))
    status, detail, fix = report.the("open files")
    assert (status, detail.startswith("the limit is 256")) == ("warning", True)
    assert "LimitNOFILE" in fix
    few = Report("--data-dir", str(tmp_path), "--max-connections", "100", limits=limited(resource.RLIMIT_NOFILE, 256))
    assert few.the("open files")[0] == "ok"
    fewer = Report("--data-dir", str(tmp_path), limits=limited(resource.RLIMIT_NOFILE, OTHER_FILES - 1))
    status, detail, fix = fewer.the("open files")
    assert (status, detail) == ("failed", f"the limit is {OTHER_FILES - 1}, and the daemon itself needs {OTHER_FILES}")
    assert "LimitNOFILE" in fix


async def test_little_room_on_the_disk_is_a_warning(tmp_path: Path) -> None:
    (result,) = (await check_directory(Settings(data_dir=tmp_path), enough_bytes=2**80)).results
    assert_result(result, "warning", " MiB free", "--data-dir (SYNCD_DATA_DIR)")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_free_address_is_released_again(address: str) -> None:
    for _ in range(2):
        (result,) = (await check_address(Settings(host=address, port=0))).results
        assert_result(result, "ok", f"{address} port any is free")


@pytest.mark.parametrize("name", ["link", "link/data"])
def test_a_link_to_nowhere_fails_as_nothing_can_be_created_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "not mounted" / "data")
    (result,) = asyncio.run(check_directory(Settings(data_dir=tmp_path / name))).results
    assert (result.status, result.detail) == ("failed", f"{tmp_path / 'link'}: No such file or directory")


def test_every_directory_that_is_written_to_is_tried_once(tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/other.db")
    assert [result.status for result in asyncio.run(check_directory(here)).results] == ["ok"]
    elsewhere = Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/below/other.db")
    first, second = asyncio.run(check_directory(elsewhere)).results
    assert (first.status, second.status) == ("ok", "ok")
    assert second.detail.startswith(f"{tmp_path}/below will be created in {tmp_path}: ")
    nowhere = Settings(jwt_secret=SECRET, database_url="postgresql://db/syncd")
    assert asyncio.run(check_directory(nowhere)).results == ()
    assert list(tmp_path.iterdir()) == []


async def test_there_are_files_for_a_few_connections() -> None:
    (result,) = (await check_open_files(Settings(max_connections=1))).results
    assert_result(result, "ok", "enough for 1 connections")


async def test_a_path_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "syncd.sock"
    chosen = Settings(unix_socket=path)
    (result,) = (await check_address(chosen)).results
    assert_result(result, "ok", f"{path} is free")
    assert not path.exists()
    bind(chosen).close()
    (result,) = (await check_address(chosen)).results
    assert_result(result, "ok", f"{path} was left by a daemon that was killed, and will be replaced")
    assert path.exists()
    (result,) = (await check_address(Settings(unix_socket=tmp_path / "no" / "s"))).results
    assert_result(result, "failed", "No such file or directory", "--unix-socket (SYNCD_UNIX_SOCKET)")


@integration
def test_a_path_of_a_running_daemon_is_a_warning_and_of_another_program_a_failure(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    path = tmp_path / "syncd.sock"
    start_daemon("--unix-socket", str(path), data_dir=tmp_path)
    (result,) = asyncio.run(check_address(Settings(unix_socket=path))).results
    assert_result(result, "warning", f"another syncd is running at {path}", "stop it")
    other = tmp_path / "other"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(other))
        listener.listen()

        def hang_up() -> None:
            for _ in range(3):  # two only look whether somebody listens
                listener.accept()[0].close()

        thread = Thread(target=hang_up)
        thread.start()
        (result,) = asyncio.run(check_address(Settings(unix_socket=other))).results
        thread.join()
    assert_result(result, "failed", "Address already in use", "--unix-socket")
