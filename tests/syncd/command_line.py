"""``python -m syncd``, run as its user would."""

import subprocess
import sys

from tests.daemon import ROOT
from tests.timeouts import TIMEOUT_S


def syncd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command, with nothing of its own in its environment but ``environment``."""
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
