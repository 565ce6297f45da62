"""A device as whatever carries its messages sees it, so that the device may know of each of those, and none of it."""

from collections.abc import Sequence
from typing import Protocol

from syncd_client.core.core import Core
from syncd_client.core.outputs import Output

from simulation.client_deps import ClientDeps
from simulation.devices.javascript_core import JavascriptCore, SendText
from simulation.outside.intermediary import Intermediary


class DevicePort(Protocol):
    """A device: what it is, and what its connections report."""

    name: str
    user_id: str
    deps: ClientDeps
    core: Core | JavascriptCore
    intermediary: Intermediary
    is_online: bool
    is_javascript: bool

    def put(self, out: Sequence[Output | SendText]) -> None:
        """Do what the core wants done."""

    def received(self, text: bytes) -> None:
        """Take a message."""

    def sign_in_again(self) -> None:
        """Be given a new token after a while."""

    def forget(self, attempt: object) -> None:
        """Be without a connection, if ``attempt`` is the one it has."""
