"""How long a test waits for what must come: a guard against hanging, by which nothing is measured."""

import os

PATIENCE_S = float(os.environ.get("SYNCD_TEST_PATIENCE_S", "60"))
"""Generous: other programs may have the machine."""
