"""How the daemon's garbage is collected: seldom, and without looking at what stays."""

import gc

THRESHOLDS = (10_000, 20, 100)
"""Allocations before a collection, and how many of the younger ones make an older one. Python's defaults walk the
objects of every connection several times a second under load: a sixth of the CPU of a write."""


def tune() -> None:
    """Leave what start-up made out of all collections, and collect less often; call it once, when all is up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
