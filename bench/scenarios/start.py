"""How long a start takes, with a database yet to be created."""

from bench import servers
from bench.scenario import Figure, Sample, Scenario, Target

SECONDS = "start to listening, s"


def measure_daemon() -> Sample:
    """Measure from the start of the process until it says that it listens."""
    with servers.daemon() as server:
        return {SECONDS: server.started_s}


SCENARIO = Scenario(title="Start", figures=(Figure(SECONDS, (Target("<", 1.5),), digits=2),), measure=measure_daemon)
