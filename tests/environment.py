"""What a program that a test starts must inherit, however bare its environment is to be."""

import os

MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""Nothing, unless coverage is measured: then in the program, too."""

UNMEASURED = dict.fromkeys(MEASURED, "")
"""Put over these, lets a program run unmeasured, which takes less: one that is killed, or runs nothing new."""
