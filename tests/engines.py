"""The engines of browsers, as Debian has them: what the pages and the JavaScript client are tested in."""

import os
from pathlib import Path
from typing import Final

CHROMIUM: Final = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FIREFOX: Final = Path(os.environ.get("FIREFOX", "/usr/bin/firefox-esr"))
WEBKIT_DRIVER: Final = Path("/usr/bin/WebKitWebDriver")
XVFB: Final = Path("/usr/bin/Xvfb")

ENGINES: Final = ("chromium", "firefox", "webkit")
_FILES: Final = {"chromium": (CHROMIUM,), "firefox": (FIREFOX,), "webkit": (WEBKIT_DRIVER, XVFB)}
_PACKAGES: Final = {"chromium": "chromium", "firefox": "firefox-esr", "webkit": "webkit2gtk-driver xvfb"}


def why_missing(engine: str) -> str | None:
    """Return what the engine lacks here, and what would install it; None if it is there."""
    absent = [str(file) for file in _FILES[engine] if not file.exists()]
    if not absent:
        return None
    return f"{' and '.join(absent)} missing: apt-get install --no-install-recommends {_PACKAGES[engine]}"
