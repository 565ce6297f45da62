"""Which lists the user has, as an app sees them."""

from syncd_client.data.messages import ListName
from syncd_client.user_list import ListCalls


class UserCatalogue:
    """``client.catalogue``: followed from its first use on, whoever is signed in.

    Thread: as the client's.
    """

    def __init__(self, client: ListCalls) -> None:
        self._client = client

    @property
    def items(self) -> tuple[ListName, ...]:
        """The lists beside the watchlist, by their ids: the same tuple until something changes.

        Empty until the service has named them; without a connection, what it said last.
        """
        return self._client._engine_now().core.catalogue
