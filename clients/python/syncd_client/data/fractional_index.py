"""Positions between positions: an item is moved by a write of its own, and no other item's place changes.

The algorithm, word by word: clients/conformance/README.md, "Positions".
Source: Wallace 2017, "Realtime editing of ordered sequences" (Figma).
"""

import re
from itertools import takewhile
from typing import Final

MAX_LENGTH: Final = 64
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE: Final = len(_DIGITS)
_LAST: Final = _DIGITS[-1]
_STEP: Final = 8
"""How far apart items put side by side are, in units of the last digit: there is room to halve three times."""
_MAX_COUNTED: Final = 8
"""The most digits that are counted as one number: they fit the 53 bits of a JavaScript number."""
_POSITION: Final = re.compile(rf"[0-9A-Za-z]{{1,{MAX_LENGTH}}}")


def between(a: str | None, b: str | None) -> str:
    """Return a position behind ``a`` and before ``b``, compared as text; ``None``: that end of the list.

    The same arguments always give the same position, so two devices may both use it: items that share one are in order
    of their content ids. Cost: O(length).

    Raises:
        ValueError: ``a`` is not before ``b``, one of them does not consist of digits and ASCII letters, or the
            position would be longer than 64.
    """
    low, high = _fraction("a", a), _fraction("b", b)
    if b is not None and low >= high:
        raise ValueError(f"a: must be before b, with something between them: {a!r}, {b!r}")
    position = _between(low, None if b is None else high)
    if len(position) > MAX_LENGTH:
        raise ValueError(
            f"b: what is between {a!r} and {b!r} is longer than {MAX_LENGTH}: give the items near new ones"
        )
    return position


def _fraction(name: str, position: str | None) -> str:
    """Return a position as the digits behind the point of a number from 0 to 1, without zeros at the end."""
    if position is not None and not _POSITION.fullmatch(position):
        raise ValueError(f"{name}: must be 1 to {MAX_LENGTH} of 0-9, A-Z and a-z, not {position!r}")
    return (position or "").rstrip("0")


def _between(low: str, high: str | None) -> str:
    if high is None:
        return _after(low) if low else _DIGITS[_BASE // 2]
    shared = len(list(takewhile(lambda digits: digits[0] == digits[1], zip(low, high, strict=False))))
    prefix, low, high = high[:shared], low[shared:], high[shared:]
    if not low:
        return prefix + _before(high)
    first, end = _DIGITS.index(low[0]), _DIGITS.index(high[0])
    if end - first > 1:
        return prefix + _DIGITS[(first + end) // 2]
    if len(high) > 1:
        return prefix + high[0]
    return prefix + low[0] + _between(low[1:], None)


def _after(low: str) -> str:
    """Return what is a step above: behind n leading ``z``, the n + 1 digits that follow are counted up."""
    lead = low[: len(low) - len(low.lstrip(_LAST))]
    digits = _counted(lead)
    number, end = _number(low[len(lead) :], digits), (_BASE - 1) * _BASE ** (digits - 1)
    if number + 1 >= end:
        return lead + _LAST
    return lead + _text(number + _step(end - number), digits)


def _before(high: str) -> str:
    """Return what is a step below: behind n leading zeros, the n + 1 digits that follow are counted down."""
    lead = high[: len(high) - len(high.lstrip("0"))]
    digits = _counted(lead)
    number, end = _number(high[len(lead) :], digits), _BASE ** (digits - 1)
    if number <= end:
        return lead + "0" + _LAST
    return lead + _text(number - _step(number - end), digits)


def _counted(lead: str) -> int:
    return min(len(lead) + 1, _MAX_COUNTED)


def _step(room: int) -> int:
    return max(1, min(_STEP, room // 2))


def _number(text: str, digits: int) -> int:
    number = 0
    for digit in text[:digits].ljust(digits, "0"):
        number = number * _BASE + _DIGITS.index(digit)
    return number


def _text(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, _BASE)
        text = _DIGITS[digit] + text
    return text.rstrip("0")
