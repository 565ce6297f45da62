"""A long mixed load with faults by seed, and what must hold at its end: ``python -m bench.soak --help``."""
