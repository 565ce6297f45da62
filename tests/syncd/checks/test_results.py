import pytest

from syncd.checks.results import CheckResult, failed, ok, setting, warning
from syncd.settings import Settings


def test_a_result_has_a_fix_unless_it_is_ok() -> None:
    assert ok("bus", "works") == CheckResult("bus", "ok", "works", None)
    assert warning("bus", "slow", "look") == CheckResult("bus", "warning", "slow", "look")
    assert failed("bus", "gone", "start it") == CheckResult("bus", "failed", "gone", "start it")


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_a_setting_is_named_as_it_can_be_set(name: str) -> None:
    flag, _, variable = setting(name).partition(" ")
    assert flag == "--" + name.replace("_", "-")
    assert variable == f"(SYNCD_{name.upper()})"
