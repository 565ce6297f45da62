"""What the laws are tried on."""

from hypothesis import strategies as st

from crdt.causal import CausalContext, Tag
from crdt.hlc import MAX_LOGICAL, MAX_PHYSICAL, HLCTimestamp
from crdt.lww import LWWMap, LWWRegister
from tests.crdt.replica import Change, Replica, foreign_add

REPLICAS = ("tv", "phone", "web")
ELEMENTS = ("alien", "brazil", "casablanca")

replicas = st.sampled_from(REPLICAS)
elements = st.sampled_from(ELEMENTS)

# Few replicas and small counters, so that tags meet, leave gaps and fill them; "tv" is opaque, and no "tv:1".
tags = st.builds(Tag, replicas, st.integers(1, 6)) | st.builds(
    Tag, st.sampled_from(("movie-1", "movie-2", "tv")), st.just(0)
)
tag_sets = st.frozensets(tags)
contexts = st.builds(lambda seen: CausalContext().with_tags(*seen), tag_sets)

timestamps = st.builds(
    HLCTimestamp, st.integers(0, MAX_PHYSICAL), st.integers(0, MAX_LOGICAL), st.sampled_from(REPLICAS)
)
close_timestamps = st.builds(HLCTimestamp, st.integers(0, 2), st.integers(0, 1), st.sampled_from(REPLICAS))
registers = st.builds(LWWRegister[int], st.integers(0, 3), close_timestamps)
maps = st.builds(LWWMap[int], st.dictionaries(elements, registers))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Replica], list[Change]]:
    """Three replicas, each somewhere in one history, and every change ever made: what can really come about."""
    replicas = [Replica()] * len(REPLICAS)
    changes: list[Change] = []
    indexes = st.integers(0, len(REPLICAS) - 1)
    for step in range(draw(st.integers(0, 12))):
        here = draw(indexes)
        match draw(st.sampled_from(("add", "add", "remove", "foreign", "deliver", "catch up"))):
            case "add":
                replicas[here], change = replicas[here].add(draw(elements), REPLICAS[here])
                changes.append(change)
            case "remove":
                replicas[here], change = replicas[here].remove(draw(elements))
                changes.append(change)
            case "foreign":
                changes.append(foreign_add(draw(elements), f"movie-{step}"))
                replicas[here] = replicas[here].apply(changes[-1])
            case "deliver" if changes:
                replicas[here] = replicas[here].apply(draw(st.sampled_from(changes)))
            case _:
                for change in changes:
                    replicas[here] = replicas[here].apply(change)
    return replicas, changes
