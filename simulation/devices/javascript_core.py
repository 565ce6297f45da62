"""The real JavaScript client's core, with the face of the Python client's."""

from typing import Any

import msgspec
from msgspec import Raw, Struct
from syncd_client.core import outputs
from syncd_client.core.core import CoreDeps, State
from syncd_client.core.outputs import Output, Timer, Transport
from syncd_client.core.token import Token
from syncd_client.data.device_registers import DeviceItem
from syncd_client.data.list_view import Item
from syncd_client.data.messages import Action, ListName
from syncd_client.data.progress_registers import ProgressItem
from syncd_client.data.user_state import PendingWrite

from actors.messages.content_ids import ContentIdKind
from simulation.devices import javascript_process
from simulation.devices.javascript_process import JavascriptError

added_javascript = ""
"""Stands at the end of the client's module, in whose scope it is: for tests, which break the client with it."""


class SendText(Struct, frozen=True):
    """Send ``text``, which the core has encoded itself, on the open socket."""

    text: str


class JavascriptCore:
    """Has the face of the Python ``Core``, where both can have the same; it says why things ended in its own words.

    Args:
        name: of its device; a core of the same name is given up.
        disk: by user, what cores of this device have saved. What this one saves is there before anything else is done.

    Raises:
        NodeMissingError: no node is installed.
    """

    def __init__(
        self, name: str, deps: CoreDeps, disk: dict[str, list[Raw]], content_ids: ContentIdKind = "uuid"
    ) -> None:
        self._name = name
        self._deps = deps
        self._disk = disk
        self.state = State.SIGNED_OUT
        self.transport: Transport | None = None
        self.queued = 0
        """How many writes are not settled."""
        self._ask("new", (added_javascript, content_ids))

    @property
    def items(self) -> tuple[Item, ...]:
        """The watchlist."""
        return self.items_of(None)[0]

    def items_of(self, *list_ids: str | None) -> list[tuple[Item, ...]]:
        """Return these lists as they are known; ``None``: the watchlist."""
        return self._ask("lists", list_ids).lists

    def sign_in(self, user_id: str) -> list[Output | SendText]:
        """Open the list of the user, as it is on the disk, and connect."""
        return self._put("signIn", user_id, self._disk.get(user_id, []))

    def sign_out(self, *, erase: bool) -> list[Output | SendText]:
        """Close the user's list."""
        return self._put("signOut", erase)

    def connect(self) -> list[Output | SendText]:
        """Connect now, if offline."""
        return self._put("connect")

    def disconnect(self) -> list[Output | SendText]:
        """Stay offline until ``connect``."""
        return self._put("disconnect")

    def wake(self) -> list[Output | SendText]:
        """Be sure of the connection."""
        return self._put("wake")

    def open_list(self, list_id: str) -> list[Output | SendText]:
        """Follow a list beside the watchlist.

        Raises:
            JavascriptError: no list can be called so.
        """
        return self._put("openList", list_id)

    def enqueue(
        self,
        operation: Action,
        content_id: str,
        list_id: str | None = None,
        data: dict[str, Any] | None = None,
        position: str | None = None,
    ) -> tuple[PendingWrite, list[Output | SendText]]:
        """Add or remove a content; as the Python core's.

        Raises:
            JavascriptError: nobody is signed in, or it is nothing that a list can have.
        """
        answer = self._input("enqueue", operation, content_id, list_id, data, position)
        write = answer.write
        assert write is not None
        return PendingWrite(**msgspec.structs.asdict(write)), self._take(answer)

    def registers(self) -> tuple[tuple[ProgressItem, ...], tuple[DeviceItem, ...], tuple[ListName, ...]]:
        """Return progress, devices and which lists there are, as they are known."""
        return self._ask("registers", ()).registers

    def open(self, collection: str) -> list[Output | SendText]:
        """Follow progress, devices, or which lists there are."""
        return self._put("openRegisters", collection)

    def report(self, content_id: str, position_seconds: float, **said: object) -> list[Output | SendText]:
        """Say how far a content was played; ``None`` is not said.

        Raises:
            JavascriptError: nobody is signed in, or it is nothing that can be said.
        """
        says = {"position_seconds": position_seconds} | {name: one for name, one in said.items() if one is not None}
        return self._put("enqueueRegister", "report", "progress", content_id, says)

    def flush(self) -> list[Output | SendText]:
        """Queue what was reported and is not queued yet."""
        return self._put("flush")

    def remove_progress(self, content_id: str) -> tuple[None, list[Output | SendText]]:
        """Forget how far a content was played. Of registers no write is returned."""
        return None, self._put("enqueueRegister", "remove", "progress", content_id, None)

    def update_device(self, device_id: str, **says: object) -> tuple[None, list[Output | SendText]]:
        """Say what a device is."""
        return None, self._put("enqueueRegister", "update", "devices", device_id, says)

    def forget_device(self, device_id: str) -> tuple[None, list[Output | SendText]]:
        """Forget a device."""
        return None, self._put("enqueueRegister", "remove", "devices", device_id, None)

    def token(self, token: Token) -> list[Output | SendText]:
        """Use the token that was asked for; the core's shell reads it itself."""
        return self._put("token", token.value)

    def token_failed(self, reason: str) -> list[Output | SendText]:
        """There is no token to be had now."""
        return self._put("tokenFailed", reason)

    def token_unusable(self, reason: str) -> list[Output | SendText]:
        """The callback answered what can never be a token."""
        return self._put("tokenUnusable", reason)

    def opened(self) -> list[Output | SendText]:
        """The socket is open."""
        return self._put("opened")

    def open_failed(
        self, _reason: str, status: int | None = None, retry_after_s: float = 0, problem: str | None = None
    ) -> list[Output | SendText]:
        """The connection did not open."""
        return self._put("openFailed", status, retry_after_s, problem)

    def closed(self, code: int, _reason: str) -> list[Output | SendText]:
        """The connection ended."""
        return self._put("closed", code)

    def received(self, text: str) -> list[Output | SendText]:
        """One message came."""
        return self._put("received", text)

    def heard(self) -> list[Output | SendText]:
        """Bytes came, of a message perhaps that is not whole yet."""
        return self._put("heard")

    def polled(self) -> list[Output | SendText]:
        """A poll's answer ended as it should."""
        return self._put("polled")

    def probed(self, *, is_there: bool) -> list[Output | SendText]:
        """The probe ended."""
        return self._put("probed", is_there)

    def due(self, timer: Timer) -> list[Output | SendText]:
        """A timer ran out."""
        return self._put("due", timer)

    def _put(self, method: str, *arguments: object) -> list[Output | SendText]:
        return self._take(self._input(method, *arguments))

    def _input(self, method: str, *arguments: object) -> javascript_process.CoreAnswer:
        deps = self._deps
        return self._ask(method, arguments, deps.now_ms(), deps.random(), deps.new_replica())

    def _ask(
        self, method: str, arguments: tuple[object, ...], now_ms: int = 0, random: float = 0.0, replica: str = ""
    ) -> javascript_process.CoreAnswer:
        answer = javascript_process.node_process().ask((self._name, method, now_ms, random, replica, arguments))
        if answer.error is not None:
            raise JavascriptError(answer.message)
        return answer

    def _take(self, answer: javascript_process.CoreAnswer) -> list[Output | SendText]:
        self.state, self.transport, self.queued = answer.state, answer.transport, answer.queued
        out: list[Output | SendText] = []
        for output in answer.outputs:
            if isinstance(output, javascript_process.Save):
                if any(isinstance(each, SendText) for each in out):
                    raise JavascriptError("a write is sent before it is saved")
                self._disk.setdefault(output.user_id, []).append(output.changes)
            else:
                out.append(_converted(output))
        return out


def _converted(output: javascript_process.Output) -> Output | SendText:
    """Return the Python client's word for ``output``."""
    match output:
        case javascript_process.AskToken():
            return outputs.AskToken()
        case javascript_process.Open(transport=transport, target=target, token=token):
            return outputs.Open(transport, target, token)
        case javascript_process.Probe(target=target, token=token):
            return outputs.Probe(target, token)
        case javascript_process.Send(text=text):
            return SendText(text)
        case javascript_process.Close():
            return outputs.Close()
        case javascript_process.StartTimer(timer=timer, after_ms=after_ms):
            return outputs.StartTimer(timer, after_ms)
        case javascript_process.StopTimer(timer=timer):
            return outputs.StopTimer(timer)
        case javascript_process.Emit(event=event):
            return outputs.Emit(event)
        case javascript_process.Save():
            raise AssertionError("is kept, and is no output")
