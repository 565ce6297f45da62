"""What the checks look at: a journal that was used, an issuer of keys, and the report of all of them."""

import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from storage.schema.version import migrate
from syncd.checks.results import CheckResult
from syncd.checks.run import run_checks
from syncd.checks.timeouts import CHECK_TIMEOUT_S
from syncd.setting_sources import Resolved
from syncd.settings import Settings
from tests import keys
from tests.daemon import SECRET
from tests.fakes.issuer import Issuer

Check = Callable[..., Awaitable[dict[str, CheckResult]]]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The database of a daemon that ran in ``tmp_path`` once."""
    migrate(f"sqlite:///{tmp_path / 'journal.db'}")
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """``await check(setting=value)``: the last result of each name."""

    async def checked(timeout_s: float = CHECK_TIMEOUT_S, **changes: Any) -> dict[str, CheckResult]:
        settings = Settings(**{"data_dir": tmp_path, "port": 0, "jwt_secret": SECRET, **changes})
        return {result.name: result for result in await run_checks(Resolved(settings), {}, timeout_s)}

    return checked


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return keys.rsa_key()


@pytest.fixture
def public_jwk(rsa_key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True) | {"kid": "one"}


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()
