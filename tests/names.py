"""Names that people give their devices, and texts that cannot be a name."""

from typing import Final

NAMES: Final = (
    "Ann\u2019s TV",
    "Ann\u00a0TV\u00a0",
    "リビング\u3000テレビ",
    "👩\u200d👩\u200d👧",
    "क्\u200dष",
    "soft\u00adhyphen",
    "\U0001fadc of a later Unicode \U0003ffff",
    " ",
    "👩" * 128,
)
NO_NAMES: Final = ("", "a\nb", "a\n", "\x00", "\x1b[2J", "a\x7f", "a\x85b", "\ud83d", "\udc69\ud83d", "x" * 129)
