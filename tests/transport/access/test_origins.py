import pytest

from transport.access.origins import check_origin
from transport.errors import Problem

ALLOWED = {"https://tv.example"}


@pytest.mark.parametrize("origins", [[], ["https://tv.example"], ["HTTPS://TV.example"], ["http://sync.example:8083"]])
def test_programs_pages_of_this_host_and_allowed_ones_may_connect(origins: list[str]) -> None:
    check_origin(origins, ["Sync.example:8083"], ALLOWED)


@pytest.mark.parametrize(
    "origins",
    [["https://evil.example"], ["null"], ["http://sync.example"], ["https://tv.example", "https://tv.example"]],
)
def test_other_pages_may_not(origins: list[str]) -> None:
    with pytest.raises(Problem, match="--allowed-origins") as refused:
        check_origin(origins, ["sync.example:8083"], ALLOWED)
    assert refused.value.status == 403
