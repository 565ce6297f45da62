"""What the outside of a node is wired with: what the settings say, and what streams have of their own."""

from pathlib import Path

import pytest

from syncd.deps import device_deps, stream_deps, trusted_proxies
from syncd.errors import SettingsError
from syncd.keys.signing import authenticator
from syncd.node import running_node
from syncd.settings import Settings
from tests.daemon import SECRET
from transport.access.origins import AllowedOrigins
from transport.bus.none import NoBus
from transport.connection.device_connection import DeviceDeps


def test_proxies_are_named_by_addresses() -> None:
    assert trusted_proxies(Settings(trusted_proxies=("10.0.0.0/8", "unix"))).trust("10.0.0.1")
    with pytest.raises(SettingsError, match=r"^--trusted-proxies: 'proxy.example' .*10\.0\.0\.0/8"):
        trusted_proxies(Settings(trusted_proxies=("proxy.example",)))


@pytest.mark.integration
async def test_devices_on_streams_are_wired_as_the_others_but_for_how_their_connections_begin(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=SECRET)
    async with running_node(settings, NoBus(), pytest.fail) as node:
        devices = device_deps(settings, node, authenticator(settings, {}), AllowedOrigins())
        streams = stream_deps(settings, node, devices)
    differing = [name for name in DeviceDeps.__struct_fields__ if getattr(devices, name) != getattr(streams, name)]
    assert differing == ["spawn"]
