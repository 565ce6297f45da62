"""Devices open lists, write to the one that is shared, and see it deleted."""

import re
from typing import Final

import pytest
from msgspec.structs import replace

from simulation.clock.event_log import text_of
from simulation.life import run_world
from simulation.shape import Fault, draw_shape
from tests.simulation.javascript import NEEDS_NODE

SHAPE: Final = replace(
    draw_shape(5),
    nodes=2,
    users=1,
    devices=2,
    steps=100,
    pause_s=0.1,
    javascript=0.0,
    lists=0,
    follows=True,
    commands=False,
    plays=False,
    kept=3,
    faults=frozenset({Fault.NETWORK_IS_LOST, Fault.APP_IS_KILLED}),
)


@pytest.mark.parametrize("javascript", [0.0, pytest.param(1.0, marks=NEEDS_NODE)])
def test_devices_agree_on_a_list_that_is_deleted_and_comes_again(javascript: float) -> None:
    verdict = run_world(replace(SHAPE, javascript=javascript))
    assert verdict.violations == ()
    said = "\n".join(map(text_of, verdict.events))
    assert re.search(
        r"device \S+ +is told r\d+ add \S+ in ours.* deletes ours .*"
        r" is told list_snapshot_piece r\d+ in ours: \n.*is told r\d+ add \S+ in ours",
        said,
        re.DOTALL,
    )


def test_devices_follow_lists_that_others_write_to() -> None:
    verdict = run_world(replace(SHAPE, lists=2, faults=frozenset()))
    assert verdict.violations == ()
    said = "\n".join(map(text_of, verdict.events))
    assert re.search(r"device \S+ +is told r\d+ add \S+ in (kids|later)", said)
