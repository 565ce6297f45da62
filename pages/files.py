"""Which file is served at which path."""

from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
CLIENT: Final = "syncd-client.js"


def demo_files() -> dict[str, Path]:
    """Return what the page at ``/`` consists of: path -> file."""
    return {
        "/": STATIC / "demo" / "index.html",
        **_assets("shared"),
        **_assets("demo"),
        f"/client/{CLIENT}": _client(),
    }


def operator_files() -> dict[str, Path]:
    """Return what the page at ``/admin`` consists of: path -> file."""
    return {"/admin": STATIC / "admin" / "admin.html", **_assets("shared"), **_assets("admin")}


def _assets(folder: str) -> dict[str, Path]:
    return {f"/page/{path.name}": path for path in (STATIC / folder).iterdir() if path.suffix != ".html"}


def _client() -> Path:
    """Return the JavaScript client: a wheel holds it among its files, a checkout where it is built."""
    shipped = STATIC / CLIENT
    checkout = STATIC.parents[1]
    return shipped if shipped.exists() else checkout / "clients" / "javascript" / "dist" / CLIENT
