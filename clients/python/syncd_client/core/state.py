"""Where a client stands."""

from enum import StrEnum


class State(StrEnum):
    """Where the client stands."""

    SIGNED_OUT = "signed_out"
    STOPPED = "stopped"  # offline until the app connects
    WAITING = "waiting"  # offline until the timer
    TOKEN = "token"  # noqa: S105  # the app's callback is asked
    OPENING = "opening"
    RESUMING = "resuming"
    LIVE = "live"
