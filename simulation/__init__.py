"""The whole service in one process on a virtual clock, driven by one seed: a development tool, not a part of it."""
