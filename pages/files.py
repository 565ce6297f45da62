"""Which file is served at which path."""

from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"


def demo_files() -> dict[str, Path]:
    """Return what the page at ``/`` consists of: path -> file."""
    return {
        "/": STATIC / "demo" / "index.html",
        **_assets("shared"),
        **_assets("demo"),
        **_client(),
    }


def operator_files() -> dict[str, Path]:
    """Return what the page at ``/admin`` consists of: path -> file."""
    return {"/admin": STATIC / "admin" / "admin.html", **_assets("shared"), **_assets("admin")}


def _assets(folder: str) -> dict[str, Path]:
    return {f"/page/{path.name}": path for path in (STATIC / folder).iterdir() if path.suffix != ".html"}


def _client() -> dict[str, Path]:
    """Return the JavaScript client's modules: a wheel holds them among its files, a checkout where they are built."""
    shipped = STATIC / "client"
    built = STATIC.parents[1] / "clients" / "javascript" / "dist"
    folder = shipped if shipped.exists() else built
    return {f"/client/{path.name}": path for path in folder.glob("*.js")}
