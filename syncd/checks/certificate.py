"""The certificate that TLS is served with."""

import time
from datetime import UTC, datetime
from typing import Final

from actors.metrics import ListenerMetrics
from syncd.certificate import served_certificate
from syncd.checks.results import Checked, failed, ok, setting, warning
from syncd.errors import SettingsError
from syncd.settings import Settings
from transport.loop.blocking_calls import in_thread

SOON_S: Final = 14 * 86_400
"""Before its end a certificate should have been renewed."""


async def check_certificate(settings: Settings) -> Checked:
    """Read the files as the daemon does; without any there is nothing to say."""
    name, metrics = "certificate", ListenerMetrics()
    both = f"{setting('tls_certificate_file')}, {setting('tls_key_file')}"
    try:
        certificate = await in_thread(lambda: served_certificate(settings, metrics))
    except SettingsError as error:
        return Checked((failed(name, str(error), f"set a certificate and its key, in PEM: {both}"),))
    if certificate is None:
        return Checked(())
    left_s = metrics.certificate_ends_s - time.time()
    ends = f"{datetime.fromtimestamp(metrics.certificate_ends_s, UTC):%Y-%m-%d %H:%M} UTC"
    if left_s < 0:
        return Checked((failed(name, f"it has ended: {ends}", f"renew it: {both}"),))
    if left_s < SOON_S:
        return Checked((warning(name, f"it ends soon: {ends}", f"renew it: {both}"),))
    return Checked((ok(name, f"valid until {ends}"),))
