"""Fuzzing: what must hold for any input at all, as ``make fuzz`` (coverage-guided) and Hypothesis try to break it."""
