"""A command is shown to its target, once on each connection, and its sender is told what became of it."""

from typing import Final

import pytest
from msgspec.structs import replace

from simulation.judges.commands import NOBODY, CommandWitness, Sent
from simulation.life import run_world
from simulation.shape import draw_shape

SHAPE: Final = replace(draw_shape(3), nodes=2, users=2, devices=2, steps=60, javascript=0.0, lists=0, commands=True)


@pytest.fixture
def violations() -> list[str]:
    return []


@pytest.fixture
def witness(violations: list[str]) -> CommandWitness:
    witness = CommandWitness(violations.append)
    for target in ("tv", NOBODY):
        witness.sends(Sent("ann", target, None, None))
    return witness


def test_it_is_told_to_each_connection_of_its_target_once(witness: CommandWitness, violations: list[str]) -> None:
    told = {"command": "command.0"}
    for connection in ("one", "two"):
        witness.told("ann", "tv", connection, told)
    assert violations == []
    witness.told("ann", "tv", "two", told)
    witness.told("ann", "phone", "three", told)
    witness.told("bob", "tv", "four", told)
    assert len(violations) == 3


@pytest.mark.parametrize(
    ("name", "answers", "is_fine"),
    [
        ("command.0", ["sent"], True),
        ("command.0", ["device_offline"], True),
        ("command.0", ["sent", "sent"], False),
        ("command.0", ["malformed"], False),
        ("command.1", ["not_found"], True),
        ("command.1", ["sent"], False),
    ],
)
def test_its_sender_is_told_that_it_was_sent_or_why_not(
    witness: CommandWitness, violations: list[str], name: str, answers: list[str], is_fine: bool
) -> None:
    for answer in answers:
        witness.answered(name, answer)
    assert (violations == []) is is_fine


def test_devices_command_each_other() -> None:
    verdict = run_world(replace(SHAPE, faults=frozenset()))
    assert verdict.violations == ()
    told = [(who, what) for _, who, what in verdict.events if what.startswith("is told")]
    assert any(what.startswith("is told command.") for _, what in told)
    assert any(what.startswith("is told sent ") for _, what in told)
    assert any(what.endswith(" not_found") for _, what in told)
