"""One device's connection: every revision of its user once and in order, or an honest close.

This is step 7 in docs/architecture.md. The mailbox is the cork: frames collected during a turn leave in one write when
the turn ends. The actor knows its socket through a port and its watchlist through ``Join``, ``ReadOn``, ``Leave`` and
``DeviceWrite``; it reads no clock of its own.
"""

import logging
from types import TracebackType
from typing import assert_never

from actors.connection.deps import ConnectionDeps, HandshakeResult
from actors.connection.device_writes import DeviceWrites
from actors.connection.followed import Followed, collections_of, joined_at_once, named, reached
from actors.connection.heartbeat import Heartbeat
from actors.connection.lifecycle import AllSent, GapFound, PartSent, State, Step, next_state
from actors.connection.outbox import Outbox
from actors.connection.pending_frames import PendingFrames
from actors.errors import IllegalStepError
from actors.messages import close_codes
from actors.messages.close_codes import Close
from actors.messages.connection import (
    MAX_WAITING_FRAMES,
    BinaryReceived,
    ConnectionInfo,
    ConnectionMessage,
    ConsumerResumed,
    Deliver,
    DeviceAnswered,
    Disconnect,
    Joined,
    Leave,
    Listed,
    MeasureWrite,
    Received,
    Replayed,
    Shutdown,
    SignOfLife,
    SlowConsumer,
    SocketLost,
    SocketWritable,
    TimerDue,
    TokenRenewed,
    WriteAnswered,
)
from actors.messages.device import (
    Authenticated,
    DeviceMessage,
    DeviceReply,
    Goodbye,
    Malformed,
    Ping,
    Pong,
)
from actors.ports import DeviceSocket
from actors.runtime import LoopActor
from actors.runtime.tell import Tell, TellIfAlive

logger = logging.getLogger(__name__)


class SyncWebSocket(LoopActor):
    """Messages in: ``ConnectionMessage``. Messages out: ``WatchlistRequest``; frames, to the socket.

    ``Join`` on start; ``SlowConsumer`` when the device stops reading and ``ConsumerResumed`` when it goes on; ``Leave``
    once nothing more will be sent, exactly once, on failure too. Ends with its socket.

    Cost: 2.6 KB; 0.8 more with more than 21 attributes, Pykka's included: then CPython does not share their names.
    """

    def __init__(self, socket: DeviceSocket, handshake: HandshakeResult, deps: ConnectionDeps) -> None:
        super().__init__()
        self._socket = socket
        self._deps = deps
        self._connection = ConnectionInfo(
            connection_id=self.actor_urn.removeprefix("urn:uuid:"),
            user_id=handshake.user_id,
            device_id=handshake.device_id,
            tell=TellIfAlive(self.actor_ref),
            connected_at=handshake.connected_at,
            takes_pieces=handshake.takes_pieces,
            collections=collections_of(handshake.follows),
            polls=handshake.polls,
        )
        self._state = State.JOINING
        self._followed = tuple([Followed(asked, asked.epoch) for asked in handshake.follows])
        self._current = self._followed[0]  # which is being brought up to date, or was the last to be
        self._writes = DeviceWrites(self._connection, socket, deps)
        self._outbox = Outbox(socket, self._writes)
        self._frames = self._outbox.frames  # at hand, for speed
        self._is_slow = False
        self._wants_more = False  # once the device has read what it was sent
        self._pending: PendingFrames | None = None
        self._heartbeat = Heartbeat(self.actor_ref, socket, deps, self._outbox, handshake.ends_at_s)

    @classmethod
    def launch(cls, deps: ConnectionDeps, socket: DeviceSocket, handshake: HandshakeResult) -> Tell[ConnectionMessage]:
        """Start the actor of an accepted socket and return how to tell it something, which never raises."""
        return TellIfAlive(cls.start(socket, handshake, deps))

    def on_start(self) -> None:
        """Join the user's watchlist. A device that resumes is not read before it has its ``resumed``."""
        logger.info("connection %s: user %s", self._connection.connection_id, self._connection.user_id)
        if self._current.asked.since is not None:
            self._socket.pause_reading()
        self._heartbeat.start()
        for followed in joined_at_once(self._followed):
            self._deps.tell_watchlist(followed.request(self._connection))

    def on_stop(self) -> None:
        """Leave; the device is told that the service goes away, if its socket still lives."""
        self._socket.close(close_codes.GOING_AWAY.code, close_codes.GOING_AWAY.reason)
        self._leave()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave; the device should come back."""
        self._deps.closes[close_codes.INTERNAL_ERROR.code] += 1
        self._socket.close(close_codes.INTERNAL_ERROR.code, close_codes.INTERNAL_ERROR.reason)
        self._leave()

    def on_receive(self, message: ConnectionMessage) -> None:
        """Take the step the table gives, then do what the message asks for; after the close frame, nothing."""
        before = self._state
        if before is not State.LIVE or type(message) is not Deliver:  # the table leaves it there: for speed
            self._step(message)
        if before >= State.CLOSING and not isinstance(message, SocketLost):
            return
        match message:
            case Deliver():
                self._deliver(message)
            case Received(messages=messages):
                self._receive(messages)
            case WriteAnswered() | DeviceAnswered():
                self._send(message.answer)
                self._outbox.answers += 1
            case SignOfLife():
                self._heartbeat.heard()
            case SocketWritable():
                self._resume_writing()
            case TimerDue():
                is_waiting_for_us = bool(self._writes.unanswered) or before is State.JOINING
                if close := self._heartbeat.check(is_waiting_for_us=is_waiting_for_us):
                    self._disconnect(close)
            case Joined(revision=revision, collection=collection):
                followed = named(collection, self._followed)
                followed.revision, followed.is_joined = revision, True
                if before is State.JOINING:
                    self._go_on()
            case Replayed():
                self._replay(message, is_first=before is State.JOINING)
            case Listed():
                self._list(message, is_first=before is State.JOINING)
            case TokenRenewed():
                self._renew(message)
            case Shutdown(reconnect_in_ms=reconnect_in_ms):
                self._send(Goodbye(reconnect_in_ms))
                self._close_socket(close_codes.GOING_AWAY)
            case Disconnect(close=close):
                self._close_socket(close)
            case BinaryReceived():
                self._close_socket(close_codes.PROTOCOL_VIOLATION)
            case MeasureWrite(measured=measured):
                is_writable = before is State.LIVE and not self._socket.is_congested()
                if is_writable:
                    self.on_idle()
                measured(is_writable)
            case SocketLost():
                self.stop()
            case _:
                assert_never(message)
        if len(self._frames) > MAX_WAITING_FRAMES:  # a mailbox that never empties must not keep them
            self.on_idle()

    def on_idle(self) -> None:
        """Write what the turn collected, unless the device reads more slowly than this: then it waits, bounded."""
        frames, outbox = self._frames, self._outbox
        if not frames:
            return
        outbox.flush()
        if not frames:
            return
        if outbox.is_over_bound:
            self._disconnect(close_codes.SLOW_CONSUMER)
        elif self._state is State.LIVE and not self._is_slow:
            self._is_slow = True
            self._heartbeat.watch_reading()
            self._deps.tell_watchlist(SlowConsumer(self._connection, len(frames), outbox.size_bytes))

    def _resume_writing(self) -> None:
        """Write what has waited here, then ask for what was kept elsewhere."""
        self._heartbeat.caught_up()
        self._write_on()
        self.on_idle()  # what that has shown is written, too, before it is asked whether all is
        if self._is_slow and not self._frames:
            self._is_slow = False
            self._deps.tell_watchlist(ConsumerResumed(self._connection))
        if self._wants_more:
            self._ask_for_missing()

    def _write_on(self) -> None:
        """Write what the socket takes of what is being sent; at its end, go on."""
        self._outbox.flush()
        if self._state is State.SENDING and not self._outbox.is_sending:
            if self._current.list_goes_on is None:
                self._step(AllSent())
                self._go_on()
            else:
                self._step(PartSent())
                self._ask_for_missing()
        self._heartbeat.watch_reading()

    # From the watchlist to the device

    def _deliver(self, delivery: Deliver) -> None:
        if self._state is not State.LIVE:
            if self._pending is None:
                self._pending = PendingFrames()
            self._pending.add(delivery)
            return
        frames = delivery.frames
        if delivery.is_for_followers and not named(delivery.collection, self._followed).is_joined:
            return  # it will be read from the journal
        if delivery.first_revision is not None:
            followed = named(delivery.collection, self._followed)
            known = followed.revision + 1 - delivery.first_revision
            if known < 0:
                self._fill_gap(followed)
                self._deliver(delivery)  # holds it
                return
            if known:
                frames = frames[known:]
            followed.revision += len(frames)
        elif delivery.until_s is not None and delivery.until_s < self._deps.now_s():
            return
        self._frames += frames

    def _fill_gap(self, followed: Followed) -> None:
        self._step(GapFound())
        self._current = followed
        self._ask_for_missing()

    def _ask_for_missing(self) -> None:
        """Ask when the device has taken what it was sent: the rest waits in the journal, not in memory."""
        self._outbox.flush()
        self._wants_more = self._socket.is_congested()
        if self._wants_more:
            self._heartbeat.watch_reading()
        else:
            self._deps.tell_watchlist(self._current.request(self._connection))

    def _replay(self, replayed: Replayed, *, is_first: bool) -> None:
        followed = self._current
        followed.epoch = replayed.epoch
        self._deliver(Deliver(replayed.head + 1, (), replayed.collection))
        if is_first:
            self._socket.resume_reading()
        if (resumed := followed.replay(replayed)) is not None:
            self._send(resumed)
        self._outbox.send(replayed.frames)
        self._outbox.flush()
        followed.revision = reached(replayed, self._outbox.forget_excess())
        self._write_on()

    def _list(self, listed: Listed, *, is_first: bool) -> None:
        part, followed = listed.part, self._current
        followed.epoch, followed.revision, followed.list_goes_on = part.epoch, part.revision, part.after
        followed.is_joined = True
        self._deliver(Deliver(listed.head + 1, (), listed.collection))
        if is_first:
            self._socket.resume_reading()
        if listed.reason is not None:
            self._send(followed.resumed(part.revision, part.epoch, listed.reason))
        self._outbox.send_part(part)
        self._write_on()

    def _go_on(self) -> None:
        """Show what has waited, and ask for what is known to exist and does not wait."""
        pending, self._pending = self._pending, None
        for delivery in () if pending is None else pending.deliveries:
            self._deliver(delivery)
        for followed in self._followed:
            newest = 0 if pending is None else pending.newest.get(followed.asked.collection, 0)
            if not followed.lacks(newest):
                continue
            if self._state is State.LIVE:
                self._fill_gap(followed)
            else:  # one after the other: remember it until then
                self._deliver(Deliver(newest + 1, (), followed.asked.collection))

    # From the device

    def _receive(self, messages: tuple[DeviceMessage, ...]) -> None:
        self._heartbeat.heard()
        for message in messages:
            match message:
                case Ping():
                    self._send(Pong())
                case Malformed():
                    self._send(message.answer())
                case Pong():
                    pass
                case _:
                    self._writes.submit(message)

    def _renew(self, renewed: TokenRenewed) -> None:
        if (renewed.user_id, renewed.device_id) != (self._connection.user_id, self._connection.device_id):
            self._disconnect(close_codes.OTHER_IDENTITY)
            return
        self._heartbeat.renew_token(renewed.ends_at_s)
        self._send(Authenticated(id=renewed.message_id, expires_at=renewed.expires_at))

    # Ends

    def _step(self, step: Step) -> None:
        """Take ``step`` in the table. Raises: IllegalStepError."""
        before = self._state
        try:
            self._state = next_state(before, type(step))
        except IllegalStepError:
            self._deps.illegal_steps[before.name, type(step).__name__] += 1
            raise

    def _send(self, answer: DeviceReply) -> None:
        self._frames.append(self._deps.frame(answer))

    def _disconnect(self, close: Close) -> None:
        self._step(Disconnect(close))
        self._close_socket(close)

    def _close_socket(self, close: Close) -> None:
        """Write what the device can still take, then the close frame; the state is ``CLOSING`` already."""
        logger.info("connection %s: closed, %s %s", self._connection.connection_id, close.code, close.reason)
        self._deps.closes[close.code] += 1
        self._outbox.flush()
        self._outbox.clear()
        self._pending = None
        self._socket.close(close.code, close.reason)
        self._leave()

    def _leave(self) -> None:
        if self._heartbeat.stop():
            self._deps.tell_watchlist(Leave(self._connection))
