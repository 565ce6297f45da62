"""Where the daemon listens: an address, a path, or what systemd has opened."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.errors import SettingsError
from syncd.listening import activated_sockets, address_of, bind, is_abandoned, listening
from syncd.settings import Settings


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_socket_listens_where_the_settings_say(host: str, family: int) -> None:
    with bind(Settings(host=host, port=0)) as listener:
        address, port = listener.getsockname()[:2]
        assert (listener.family, address) == (family, host)
        socket.create_connection((host, port)).close()


def test_a_port_can_be_had_again_at_once() -> None:
    with bind(Settings(port=0)) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
    bind(Settings(port=port)).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_cannot_be_had_is_refused_by_its_settings(host: str) -> None:
    with pytest.raises(SettingsError, match=f"^--host {host} --port 8083: "):
        bind(Settings(host=host))


def test_a_zone_of_an_address_is_one_of_this_machine() -> None:
    zone = socket.if_nameindex()[0][1]
    with pytest.raises(SettingsError, match=r"Cannot assign requested address$"):  # without its zone: Invalid argument
        bind(Settings(host=f"fe80::5ec:d0ff:fe12:3456%{zone}", port=0))


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_cannot_be_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match=f"^--host {host} --port 0: "):
        bind(Settings(host=host, port=0))


def test_a_port_that_is_taken_is_refused_by_its_settings() -> None:
    with bind(Settings(port=0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"^--host 127.0.0.1 --port {port}: Address already in use$"):
            bind(Settings(port=port))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s\u00fc nc%d.sock"


def reach(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(path))


def test_a_unix_socket_is_there_for_everybody_while_it_is_listened_on(path: Path) -> None:
    with listening(Settings(unix_socket=path), {}) as (listener,):
        assert stat.filemode(path.stat().st_mode) == "srw-rw-rw-"
        assert address_of(listener, is_tls=True) == f"unix:{path}"
        reach(path)
    assert not path.exists()


def test_the_socket_of_a_daemon_that_was_killed_is_replaced(path: Path) -> None:
    bind(Settings(unix_socket=path)).close()
    assert is_abandoned(path)
    with listening(Settings(unix_socket=path), {}):
        assert not is_abandoned(path)
        reach(path)


def test_the_socket_of_another_daemon_is_left_alone(path: Path) -> None:
    with listening(Settings(unix_socket=path), {}) as (listener,):
        with pytest.raises(SettingsError, match=r"^--unix-socket .*: Address already in use$"):
            bind(Settings(unix_socket=path))
        listener.close()
        successor = bind(Settings(unix_socket=path))  # begins before this one has ended
    with successor:
        reach(path)


@pytest.mark.parametrize(
    ("name", "why"),
    [("file", "Address already in use"), ("no/s", "No such file"), ("x" * 200, "AF_UNIX path too long")],
)
def test_a_path_that_cannot_be_had_is_refused_by_its_setting(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(SettingsError, match=f"^--unix-socket .*{name}: {why}"):
        bind(Settings(unix_socket=tmp_path / name))
    assert (tmp_path / "file").read_text() == "kept"


@pytest.fixture
def three() -> Iterator[int]:
    """A descriptor in the place of the first that systemd hands over."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = os.dup(listener.fileno())
        os.set_inheritable(descriptor, True)
        yield descriptor
    with suppress(OSError):  # whoever took it over has closed it
        os.close(descriptor)


def handed_over(count: str = "1", pid: int | None = None) -> dict[str, str]:
    return {"LISTEN_FDS": count, "LISTEN_PID": str(os.getpid() if pid is None else pid)}


def test_what_systemd_has_opened_is_listened_on_and_not_handed_on(three: int) -> None:
    (listener,) = activated_sockets(handed_over(), three)
    with listener:
        assert not listener.get_inheritable()
        socket.create_connection(listener.getsockname()).close()


def test_sockets_of_another_process_are_not_taken(three: int, caplog: pytest.LogCaptureFixture) -> None:
    assert activated_sockets(handed_over(pid=1), three) == []
    assert caplog.messages == ["systemd has opened sockets for process 1, not for this one: start it without a shell"]
    assert activated_sockets({}, three) == activated_sockets(handed_over("0"), three) == []


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_what_is_no_listening_socket_is_refused_with_the_fix(kind: socket.SocketKind) -> None:
    with (
        socket.socket(socket.AF_INET, kind) as other,
        pytest.raises(SettingsError, match=r"^LISTEN_FDS: descriptor \d+ .*ListenStream= and Accept=no$"),
    ):
        activated_sockets(handed_over(), os.dup(other.fileno()))


def test_a_descriptor_that_is_none_is_refused(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(SettingsError, match="LISTEN_FDS"):
        activated_sockets(handed_over(), descriptor)
    os.close(descriptor)
    with pytest.raises(SettingsError, match="LISTEN_FDS"):
        activated_sockets(handed_over(), descriptor)


@pytest.mark.parametrize(
    ("host", "is_tls", "url"),
    [("127.0.0.1", False, "http://127.0.0.1:"), ("::1", True, "https://[::1]:"), ("127.0.0.1", True, "https://127")],
)
def test_an_address_is_told_as_a_url(host: str, is_tls: bool, url: str) -> None:
    with bind(Settings(host=host, port=0)) as listener:
        assert address_of(listener, is_tls=is_tls).startswith(url)
