"""The other nodes of the deployment: who was heard of lately."""

from collections.abc import Iterator

from actors.messages.control import NodeAnnounced
from actors.messages.deployment import PeerNode

MAX_PEERS = 1_000
"""More than one bus can serve; beyond it a node is not taken into the list."""


class Peers:
    """By name. Time is an argument, on the monotonic clock.

    Args:
        silence_s: a node that was not heard of for so long is gone.
        max_peers: how many are listed.
    """

    def __init__(self, silence_s: float, max_peers: int = MAX_PEERS) -> None:
        self._silence_s = silence_s
        self._max_peers = max_peers
        self._peers: dict[str, PeerNode] = {}

    def heard(self, node: str, said: NodeAnnounced, now_s: float) -> bool:
        """Note what a node said of itself, and return whether it is a new one."""
        is_new = node not in self._peers
        if is_new and len(self._peers) >= self._max_peers:
            return False
        self._peers[node] = PeerNode(node, said.version, said.connections, said.users, said.uptime_s, now_s)
        return is_new

    def left(self, node: str) -> None:
        """Forget a node that said that it stops."""
        self._peers.pop(node, None)

    def expire(self, now_s: float) -> list[str]:
        """Forget who was silent for too long, and return their names."""
        gone = [peer.node for peer in self._peers.values() if now_s - peer.heard_s > self._silence_s]
        for node in gone:
            del self._peers[node]
        return gone

    def __contains__(self, node: str) -> bool:
        return node in self._peers

    def __iter__(self) -> Iterator[PeerNode]:
        return iter(self._peers.values())

    def __len__(self) -> int:
        return len(self._peers)
