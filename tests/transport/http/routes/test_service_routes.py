"""What the service says of itself."""

from collections.abc import Callable

import pytest

from actors.messages.journal import JournalMessage
from actors.messages.journal_reads import HeadsLoaded, LoadHeads
from tests.transport.http.lone_api import HEAD, api_deps, client
from transport.http.api import http_api
from transport.http.routes.service_routes import RENDERED_BURST, RENDERED_PER_S


def answering(*, is_readable: bool) -> Callable[[JournalMessage], None]:
    def journal(message: JournalMessage) -> None:
        assert isinstance(message, LoadHeads)
        message.reply_to(HeadsLoaded((HEAD,) if is_readable else None))

    return journal


async def test_health_says_that_the_process_is_alive_whatever_the_journal_does() -> None:
    async with client(http_api(api_deps()).app) as api:
        response = await api.get("/health")
    assert response.json() == {"status": "healthy", "service": "syncd", "version": "0"}


@pytest.mark.parametrize(
    ("is_readable", "bus", "status", "problems"),
    [
        (True, None, 200, {}),
        (True, "It is away.", 200, {"bus": "It is away."}),
        (False, None, 503, {"journal": "The journal cannot be read now."}),
        (False, "It is away.", 503, {"journal": "The journal cannot be read now.", "bus": "It is away."}),
    ],
)
async def test_ready_names_what_does_not_work_and_stays_in_without_the_bus(
    is_readable: bool, bus: str | None, status: int, problems: dict[str, str]
) -> None:
    deps = api_deps(journal=answering(is_readable=is_readable), bus_status=lambda: bus)
    async with client(http_api(deps).app) as api:
        response = await api.get("/ready")
    assert response.status_code == status
    assert response.json() == {"status": "not ready" if problems else "ready", "problems": problems}


@pytest.mark.parametrize("is_readable", [True, False])
async def test_ready_says_what_cannot_be_done_with_the_journal_also_while_it_can_be_read(is_readable: bool) -> None:
    problem = "cannot be written: disk full"
    deps = api_deps(journal=answering(is_readable=is_readable), journal_problem=lambda: problem)
    async with client(http_api(deps).app) as api:
        response = await api.get("/ready")
    assert (response.status_code, response.json()["problems"]) == (503, {"journal": problem})


@pytest.mark.parametrize(("keys", "status"), [(3, 200), (0, 503)])
async def test_ready_says_that_the_issuer_is_away_and_stays_in_with_the_keys_that_it_has(
    keys: int, status: int
) -> None:
    deps = api_deps(journal=answering(is_readable=True))
    deps.issuer.problem, deps.issuer.keys = "HTTP 500", keys
    async with client(http_api(deps).app) as api:
        response = await api.get("/ready")
    assert response.status_code == status
    assert response.json() == {"status": "not ready", "problems": {"issuer": "HTTP 500"}}


@pytest.mark.parametrize(
    ("ends_s", "problems"), [(2**40, {}), (1, {"certificate": "It ended at 1970-01-01 00:00 UTC."})]
)
async def test_ready_says_that_the_certificate_has_ended_and_stays_in(ends_s: float, problems: dict[str, str]) -> None:
    deps = api_deps(journal=answering(is_readable=True))
    deps.listener.certificate_ends_s = ends_s
    async with client(http_api(deps).app) as api:
        response = await api.get("/ready")
    assert (response.status_code, response.json()["problems"]) == (200, problems)


async def test_a_journal_that_does_not_answer_is_not_ready() -> None:
    async with client(http_api(api_deps(answer_timeout_s=0.01)).app) as api:
        response = await api.get("/ready")
    assert response.status_code == 503
    assert response.json()["problems"]["journal"].startswith("No answer within")


async def test_the_figures_are_those_of_the_node() -> None:
    async with client(http_api(api_deps(figures=lambda: {"messages_relayed": 12.0})).app) as api:
        documented, prometheus = await api.get("/api/v1/metrics"), await api.get("/metrics")
    assert documented.json() == {"messages_relayed": 12.0}
    assert prometheus.text == "figures 1\n"
    assert prometheus.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_who_asks_for_the_metrics_without_end_has_them_written_down_a_few_times_a_second() -> None:
    rendered = 0
    now_s = 100.0

    def prometheus() -> bytes:
        nonlocal rendered
        rendered += 1
        return b"rendered %d\n" % rendered

    deps = api_deps(prometheus=prometheus, now_s=lambda: now_s)
    async with client(http_api(deps).app) as api:
        for _ in range(RENDERED_BURST):
            await api.get("/metrics")
        assert rendered == RENDERED_BURST
        answers = [await api.get("/metrics") for _ in range(10)]
        assert {(one.status_code, one.text) for one in answers} == {(200, f"rendered {RENDERED_BURST}\n")}
        now_s += 1 / RENDERED_PER_S + 0.01
        assert (await api.get("/metrics")).text == f"rendered {RENDERED_BURST + 1}\n"
