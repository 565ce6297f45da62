"""What the laws are tried on."""

from hypothesis import strategies as st

from crdt.causal import CausalContext, Tag
from crdt.hlc import MAX_LOGICAL, MAX_PHYSICAL, HLCTimestamp
from crdt.lww import LWWMap, LWWRegister
from crdt.orset import ABSENT, Delta, ORSet, add

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


def foreign_add(element: str, text: str) -> Delta:
    """Return the add of a publisher who names his tags himself and has observed nothing."""
    return Delta(element, *add(ABSENT, CausalContext(), Tag.parse(text)))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[ORSet], list[Delta]]:
    """Three replicas with a common past, and every delta ever made: laws hold for states that can come about."""
    sets = [ORSet()] * len(REPLICAS)
    deltas: list[Delta] = []
    indexes = st.integers(0, len(REPLICAS) - 1)
    for step in range(draw(st.integers(0, 12))):
        here = draw(indexes)
        match draw(st.sampled_from(("add", "add", "remove", "foreign", "deliver", "sync"))):
            case "add":
                sets[here], delta = sets[here].add(draw(elements), REPLICAS[here])
                deltas.append(delta)
            case "remove":
                sets[here], delta = sets[here].remove(draw(elements))
                deltas.append(delta)
            case "foreign":
                deltas.append(foreign_add(draw(elements), f"movie-{step}"))
                sets[here] = sets[here].apply(deltas[-1])
            case "deliver" if deltas:
                sets[here] = sets[here].apply(draw(st.sampled_from(deltas)))
            case _:
                sets[here] = sets[here].merge(sets[draw(indexes)])
    return sets, deltas
