"""What can go wrong with a daemon or a command, by whose fault: the three kinds are those of ``actors.errors``.

PeerError               who runs it: the same again ends the same way
└── SettingsError       exit status 2
    └── ExtraMissing
TemporaryError          the moment
└── Unreachable
DefectError             ours: whatever has no name here

CommandError            the form in which any of them reaches the terminal; exit status 1
└── ClusterError
"""

from actors.errors import PeerError, TemporaryError


class SettingsError(PeerError):
    """A setting is wrong; the text names it, its source and the fix."""


class ExtraMissing(SettingsError):
    """A setting needs an extra of the wheel that is not installed; the text names both.

    Args:
        flag: the setting, as on the command line.
        extra: the extra.
        error: raised when what it brings was imported.
    """

    def __init__(self, flag: str, extra: str, error: ImportError) -> None:
        self.reason = str(error)
        self.fix = f"pip install 'syncd[{extra}]'"
        super().__init__(f"{flag} needs what is not installed ({error}): {self.fix}")


class Unreachable(TemporaryError):
    """An HTTP server did not answer, or answered with an error; the text says why."""


class CommandError(Exception):
    """A command failed; the text is printed on the terminal."""


class ClusterError(CommandError):
    """A part of the cluster on this machine did not start; the text says which, why, and what to do."""
