"""Which lists the user has, as an app sees it."""

from syncd_client.data.messages import ListName
from syncd_client.user_list import ListCalls


class UserCatalogue:
    """``client.catalogue``: followed from the first time that it is asked for, whoever is signed in.

    Thread: as the client's.
    """

    def __init__(self, client: ListCalls) -> None:
        self._client = client

    @property
    def items(self) -> tuple[ListName, ...]:
        """All beside the watchlist, by what they are called in paths: the same tuple until something changes.

        Empty until the service has told them; then, while there is no connection, what it told last.
        """
        return self._client._engine_now().core.catalogue
