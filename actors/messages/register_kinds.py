"""Which collections are registers, and what is particular to each: the one place to say it of a new one.

A collection is registers because it has a ``RegisterKind`` in ``REGISTER_KINDS``. The journal, the actors, the bus and
the connections treat all of them alike: they keep, number, replay and relay each ``RegisterUpdate``, and ask the kind
for the forms that devices and nodes are shown. What remains for a new collection is what its authors send: whoever
decodes that (a route, a message of the socket) makes a ``RegisterChange`` of it and tells it to the user's
``WatchlistSync`` in a ``DeviceWrite`` with the ``collection``'s name.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from actors.messages import device_registers, progress
from actors.messages.channel import PubNubDeviceUpdate, PubNubProgressUpdate
from actors.messages.collections import DEVICES, PROGRESS, collection_in
from actors.messages.device_registers import DeviceItem, DevicesSnapshot, DevicesSnapshotPiece
from actors.messages.progress import ProgressItem, ProgressSnapshot, ProgressSnapshotPiece
from actors.messages.registers import RegisterUpdate, Values
from actors.messages.sync import DeviceUpdate, ProgressUpdate


class RegisterKind(Struct, frozen=True, kw_only=True):
    """What is particular to one collection of registers."""

    members: tuple[str, ...]
    """All that a value may consist of."""
    implied: frozenset[str] = frozenset()
    """Those that the service adds to each word on a key: a later one of them supersedes nothing that an author said."""
    key_field: str
    """What authors call the key."""
    state_of: Callable[[Values], str]
    """A word by which its keys may be asked for, of a value that is there."""
    device_form: Callable[[RegisterUpdate], ProgressUpdate | DeviceUpdate]
    """What devices are shown."""
    item_form: Callable[[RegisterUpdate], ProgressItem | DeviceItem]
    """What is shown in a snapshot."""
    snapshot: type[ProgressSnapshot | DevicesSnapshot]
    """The message that is a snapshot."""
    piece: type[ProgressSnapshotPiece | DevicesSnapshotPiece]
    """The message that is a piece of one."""
    channel_form: Callable[[RegisterUpdate, str, str | None], PubNubProgressUpdate | PubNubDeviceUpdate]
    """What nodes tell each other; of an update, its origin and the epoch of the database."""
    are_keys_devices: bool = False
    """A key is a device. Only the device's own word gives it a value; a word that says nothing new, and has no stamp of
    its author's, is no change; and to make room for one too many, the one goes that has been offline for longest."""


REGISTER_KINDS: Final = {
    PROGRESS: RegisterKind(
        members=progress.MEMBERS,
        key_field="content_id",
        state_of=progress.state_of,
        device_form=progress.device_form,
        item_form=progress.item_form,
        snapshot=ProgressSnapshot,
        piece=ProgressSnapshotPiece,
        channel_form=progress.channel_form,
    ),
    DEVICES: RegisterKind(
        members=device_registers.MEMBERS,
        implied=frozenset((device_registers.KNOWN,)),
        key_field="device_id",
        state_of=device_registers.state_of,
        device_form=device_registers.device_form,
        item_form=device_registers.item_form,
        snapshot=DevicesSnapshot,
        piece=DevicesSnapshotPiece,
        channel_form=device_registers.channel_form,
        are_keys_devices=True,
    ),
}
"""By collection."""


def register_kind_of(line: str) -> RegisterKind | None:
    """Return the kind of registers that ``line`` is; ``None``: it is a set."""
    return REGISTER_KINDS.get(collection_in(line))
