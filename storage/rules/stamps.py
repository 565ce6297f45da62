"""The stamps of operations whose authors sent none: the node's, raised where another node's was later."""

from typing import TypeVar

from msgspec import structs

from actors.messages.journal import Operation
from actors.messages.registers import RegisterOperation
from crdt.hlc import HLCTimestamp, tick

T = TypeVar("T", Operation, RegisterOperation)


def stamped_behind(clock: HLCTimestamp, operation: T) -> T:
    """Return ``operation`` with a stamp above ``clock``, the greatest in its line, unless its author has stamped it.

    An author who sends no stamp means "now", which is later than all that is there. But the node that stamps may not
    have heard of the last operation, and its clock may be behind that of the node which stamped it: then a later write
    would be superseded by an earlier one.
    """
    if not operation.is_stamped_here or operation.timestamp > clock:
        return operation
    return structs.replace(operation, timestamp=tick(clock, operation.timestamp.physical, operation.timestamp.node))
