import os
from collections import Counter

import pytest

from actors.metrics import Histogram, NodeMetrics
from actors.ports import BusFigures
from transport.figures.prometheus import Sources

NO_PROCESS = 2**22 + 1
"""Above every process id that Linux gives."""


ENGINE = BusFigures(
    subscribed=3,
    last_message_age_s=0.5,
    reconnects=1,
    rebuilds=2,
    dropped=4,
    malformed=5,
    doubles=6,
    echoes=7,
    elsewhere=8,
)


@pytest.fixture
def sources() -> Sources:
    return Sources(
        metrics=NodeMetrics(loop_lag=Histogram((0.1,)), closes=Counter({4002: 3})),
        refusals=Counter(messages=2),
        active_watchlists=lambda: 5,
        actors=lambda: 17,
        tasks=lambda: 9,
        mailboxes={"Journal": lambda: 3},
        bus_engine="nats",
        bus_status=lambda: None,
        bus_figures=lambda: ENGINE,
        children=lambda: {"writer": os.getpid(), "reader": NO_PROCESS},
    )
