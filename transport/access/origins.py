"""Which pages may open a device's connection: browsers say where a page is from, in ``Origin``."""

from collections.abc import Collection, Sequence
from http import HTTPStatus

from transport.errors import Problem


def check_origin(origins: Sequence[str], hosts: Sequence[str], allowed_origins: Collection[str]) -> None:
    """Admit programs (no origin), pages of this very host, and the origins allowed by name.

    Args:
        origins: the values of ``Origin``.
        hosts: the values of ``Host``.
        allowed_origins: lower-case ``scheme://host[:port]``.

    Raises:
        Problem: 403.
    """
    if not origins:
        return
    origin = origins[0].lower()
    same_host = [origin.partition("://")[2]] == [host.lower() for host in hosts]
    if len(origins) > 1 or not (same_host or origin in allowed_origins):
        raise Problem(HTTPStatus.FORBIDDEN, "Pages of this origin may not connect; see --allowed-origins.")
