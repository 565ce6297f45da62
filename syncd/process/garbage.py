"""Tunes garbage collection: rare, and without the objects that stay."""

import gc

THRESHOLDS = (10_000, 20, 100)
"""Allocations before a collection of the youngest generation, and collections of one generation before the next older.
Python's defaults walk the objects of every connection several times a second under load: a sixth of a write's CPU."""


def tune() -> None:
    """Exclude the objects made so far from all collections, and collect less often. Call it once, after the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
