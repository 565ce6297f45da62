"""What a daemon counts of itself."""

import re
import urllib.request

from bench.servers import Server


def metric(server: Server, name: str) -> float:
    """Return the value of one line of ``/metrics``, by its name with labels; 0 if there is none."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as response:
        found = re.search(rf"^{re.escape(name)} (\S+)$", response.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0
