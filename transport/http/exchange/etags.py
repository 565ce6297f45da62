"""Whether the client has it already: entity tags and ``If-None-Match``.

Source: RFC 9110 sections 8.8.3 and 13.1.2.
"""

import re
from hashlib import blake2b
from typing import Final

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def entity_tag(epoch: str, *revisions: int) -> str:
    """Return the entity tag of whatever a user's journal says when it stands at ``revisions``."""
    return f'"{"-".join((epoch, *map(str, revisions)))}"'


def tag_of(body: bytes) -> str:
    """Return the entity tag of an answer that is made whether it is known or not."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def is_known(etag: str, if_none_match: str) -> bool:
    """Return whether ``if_none_match``, a list of tags or ``*``, names ``etag``; weakly compared, as the RFC asks."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
