"""What may be wrong with the certificate that TLS is served with."""

from pathlib import Path

import pytest

from syncd.checks.certificate import check_certificate
from syncd.settings import Settings
from tests.fakes.authority import write_certificate
from tests.syncd.checks.report import assert_result


@pytest.mark.parametrize(
    ("days", "status", "detail"),
    [(90, "ok", "valid until 2"), (10, "warning", "it ends soon: 2"), (-1, "failed", "it has ended: 2")],
)
async def test_a_certificate_is_judged_by_its_end(tmp_path: Path, days: float, status: str, detail: str) -> None:
    chosen = Settings(tls_certificate_file=tmp_path / "c", tls_key_file=tmp_path / "k")
    write_certificate(tmp_path / "c", tmp_path / "k", days=days)
    (result,) = (await check_certificate(chosen)).results
    assert result.status == status
    assert result.detail.startswith(detail)


async def test_files_that_cannot_be_used_fail(tmp_path: Path) -> None:
    (result,) = (await check_certificate(Settings(tls_certificate_file=tmp_path / "c"))).results
    assert_result(result, "failed", "No such file", "--tls-certificate-file (SYNCD_TLS_CERTIFICATE_FILE)")


async def test_without_tls_there_is_nothing_to_say() -> None:
    assert (await check_certificate(Settings())).results == ()
