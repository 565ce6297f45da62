"""One request over HTTP beside the connection, with a token of its own."""

import asyncio
from typing import Final

import httpx

from syncd_client.core.token import read_token
from syncd_client.core.tokens import fault_in, stripped
from syncd_client.transport.authorities import authorities
from syncd_client.transport.link import GetToken
from syncd_client.transport.proxy import ProxyMistakeError, proxy_for_requests
from syncd_client.transport.requests import TIMEOUT_S, Answer, RequestFailedError

TOKEN_TIMEOUT_S: Final = 20.0


async def send(url: str, user_id: str, get_token: GetToken, method: str, body: bytes | None) -> Answer:
    """Send ``body``, which is JSON, with a token of the user, and return the answer.

    Raises:
        RequestFailedError: none came, or the app has no token.
    """
    headers = {"Authorization": f"Bearer {await _token(user_id, get_token)}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        # No redirect is followed: it would carry the token elsewhere. The authorities are the system's.
        proxy = proxy_for_requests(url)
        async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=authorities(), proxy=proxy, trust_env=False) as http:
            response = await http.request(method, url, content=body, headers=headers)
    except ProxyMistakeError as error:
        raise RequestFailedError(f"not answered: {error}") from None
    # The others come of the system's certificates, and of an interpreter that is exiting.
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError, RuntimeError) as error:
        reason = str(error) if isinstance(error, httpx.HTTPError) else ""
        raise RequestFailedError(f"not answered: {reason or type(error).__name__}") from error
    return Answer(response.status_code, response.headers.get("Content-Type"), response.content)


async def _token(user_id: str, get_token: GetToken) -> str:
    try:
        async with asyncio.timeout(TOKEN_TIMEOUT_S) as deadline:
            value = await get_token()
    except Exception as error:
        if deadline.expired():
            raise RequestFailedError(f"no token: get_token did not answer within {TOKEN_TIMEOUT_S:.0f} s") from error
        raise RequestFailedError(f"no token: {type(error).__name__}") from error
    if not isinstance(value, str):
        raise RequestFailedError(f"no token: get_token must return a text, not {type(value).__name__}")
    token = stripped(read_token(value))
    if fault := fault_in(token, user_id):
        raise RequestFailedError(f"no token: {fault.reason}")
    return token.value
