from actors.bus.peers import Peers
from actors.messages.control import NodeAnnounced
from actors.messages.deployment import PeerNode

SAID = NodeAnnounced("0.1.0", connections=3, users=2, uptime_s=60)


def test_a_node_is_known_as_it_announced_itself_last() -> None:
    peers = Peers(silence_s=15)
    assert peers.heard("there", SAID, now_s=1)
    assert not peers.heard("there", NodeAnnounced("0.1.0", 4, 3, 65), now_s=6)
    assert list(peers) == [PeerNode("there", "0.1.0", 4, 3, 65, heard_s=6)]
    assert ("there" in peers, "elsewhere" in peers) == (True, False)


def test_a_node_that_is_silent_for_too_long_is_gone_and_new_when_it_is_heard_again() -> None:
    peers = Peers(silence_s=15)
    peers.heard("silent", SAID, now_s=0)
    peers.heard("there", SAID, now_s=10)
    assert peers.expire(now_s=15) == []
    assert peers.expire(now_s=15.1) == ["silent"]
    assert [peer.node for peer in peers] == ["there"]
    assert peers.heard("silent", SAID, now_s=16)


def test_a_node_that_left_is_gone_at_once() -> None:
    peers = Peers(silence_s=15)
    peers.heard("there", SAID, now_s=0)
    peers.left("there")
    peers.left("never heard of")
    assert len(peers) == 0


def test_a_full_list_takes_no_more_nodes_and_keeps_those_it_has() -> None:
    peers = Peers(silence_s=15, max_peers=2)
    assert [peers.heard(node, SAID, now_s=0) for node in ("a", "b", "c", "a")] == [True, True, False, False]
    assert [peer.node for peer in peers] == ["a", "b"]
