"""What tests with JavaScript cores need."""

from typing import Final

import pytest

from simulation.devices.javascript_process import is_node_there

NEEDS_NODE: Final = (
    pytest.mark.integration,
    pytest.mark.skipif(not is_node_there(), reason="Node is not installed: the JavaScript client is not simulated"),
)
