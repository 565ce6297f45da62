"""How long a test waits for what must come: a guard against hanging, by which nothing is measured."""

import os

TIMEOUT_S = float(os.environ.get("SYNCD_TEST_TIMEOUT_S", "60"))
"""Generous: other programs may have the machine."""
