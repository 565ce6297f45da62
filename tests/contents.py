"""Content ids for tests: the spellings of one UUID and what is none, other text, and what is not even text."""

from typing import Final

SPELLED: Final = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
SPELLINGS: Final = (
    SPELLED,
    "0B0E6A4E-52A5-4A5B-9A1F-00000000000A",
    "0b0e6a4e52a54a5b9a1f00000000000a",
    "urn:uuid:0b0e6a4e-52a5-4a5b-9a1f-00000000000a",
    "URN:UUID:0B0E6A4E-52A5-4A5B-9A1F-00000000000A",
    "urn:uuid:0b0e6a4e52a54a5b9a1f00000000000a",
    "{0B0E6A4E-52A5-4A5B-9A1F-00000000000A}",
    "{0b0e6a4e52a54a5b9a1f00000000000a}",
)
NO_CONTENT_IDS: Final = (
    "",
    "123",
    "tt0111161",
    "movie-123",
    "plex://movie/5d776825880197001ec90a8f",
    "urn:isbn:0451450523",
    "0b0e6a4e-52a5-4a5b-9a1f-00000000000",
    "0b0e6a4e-52a54a5b-9a1f-00000000000a",
    "{0b0e6a4e-52a5-4a5b-9a1f-00000000000a",
    "0b0e6a4e-52a5-4a5b-9a1f-00000000000a}",
    "0b0e6a4e-52a5-4a5b-9a1f-00000000000a\n",
    "0b0e6a4e_52a5_4a5b_9a1f_00000000000a",
    "\N{ARABIC-INDIC DIGIT ZERO}b0e6a4e-52a5-4a5b-9a1f-00000000000a",
)
TEXT_IDS: Final = (
    "123",
    "tt0111161",
    "plex://movie/5d77?a=b&c#d",
    "a b",
    " ",
    "\"quotes\" and 'quotes'",
    "%2F%00",
    "back\\slash",
    "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{GIRL}",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "e\N{COMBINING ACUTE ACCENT}",  # another than the one before: nothing is normalised
    "0B0E6A4E-52A5-4A5B-9A1F-00000000000A",
    "0b0e6a4e-52a5-4a5b-9a1f-00000000000a",
    "\N{GRINNING FACE}" * 128,
)
NO_TEXT_IDS: Final = ("", "\0", "a\nb", "\x7f", "\x85", "x" * 129)
