"""Who a token speaks for: JSON Web Tokens, checked once and remembered until they end.

Nothing of a token is ever logged; the text of a refusal may be shown to the client.
"""

import hashlib
import time
from collections.abc import Callable, Container
from typing import Any, Final

import jwt
from msgspec import Struct

from transport.access.signing_keys import SigningKeys
from transport.errors import SigningKeyMissing, TokenRefused

MAX_TOKEN_LENGTH: Final = 8192
MAX_NAME_LENGTH: Final = 128
"""Of a user or device id in characters: it becomes part of channel names, keys and rows."""
MAX_CLOCK_SKEW_S: Final = 10
"""How far the issuer's clock may be ahead of ours in ``iat`` and ``nbf``; ``exp`` is never extended."""
MAX_REMEMBERED: Final = 10_000


class Claims(Struct, frozen=True):
    """What a valid token says."""

    user_id: str
    device_id: str
    expires_at: int
    """Seconds since 1970."""
    token_id: str | None = None
    scope: str | None = None


class Authenticator:
    """Checks signature, algorithm, times, audience, issuer and the claims ``exp``, ``sub`` and ``device_id``.

    A token whose ``jti`` is in ``revoked_token_ids``, which others keep up to date, is refused.

    Thread: the event loop. Cost: a digest and a dict look-up for a token seen before.
    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        revoked_token_ids: Container[str] = frozenset(),
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._revoked_token_ids = revoked_token_ids
        self._now_s = now_s
        self._decoder = jwt.PyJWT(options={"require": ["exp", "sub", "device_id"], "verify_aud": audience is not None})
        self._remembered: dict[bytes, Claims] = {}
        self._generation = keys.generation

    def authenticate(self, token: str) -> Claims:
        """Return what ``token`` says, without ever waiting.

        Raises:
            TokenRefused: it is not valid, or no longer.
            SigningKeyMissing: its key is not known here.
        """
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._remembered.clear()
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self._remembered.get(digest)
        if claims is None:
            claims = self._remembered[digest] = self._check(token)
            if len(self._remembered) > MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        if self._now_s() >= claims.expires_at:
            self._remembered.pop(digest, None)
            raise TokenRefused("The token has expired.")
        if claims.token_id is not None and claims.token_id in self._revoked_token_ids:
            raise TokenRefused("The token was revoked.")
        return claims

    async def authenticate_fetching(self, token: str) -> Claims:
        """Return what ``token`` says; fetches the issuer's keys first when its key is missing.

        Raises:
            TokenRefused: it is not valid, or its key could not be fetched.
        """
        try:
            return self.authenticate(token)
        except SigningKeyMissing:
            await self._keys.refresh()
            return self.authenticate(token)

    def _check(self, token: str) -> Claims:
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused(f"The token is longer than {MAX_TOKEN_LENGTH} characters.")
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            claims = self._decode(token, key_id)
            return Claims(
                user_id=_name(claims, "sub"),
                device_id=_name(claims, "device_id"),
                expires_at=int(float(claims["exp"])),  # infinity is an OverflowError
                token_id=_text(claims.get("jti")),
                scope=_text(claims.get("scope")),
            )
        except jwt.PyJWTError as error:
            raise TokenRefused(_reason(error)) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise TokenRefused("The token is malformed.") from None

    def _decode(self, token: str, key_id: str | None) -> dict[str, Any]:
        *others, last = self._keys.candidates(key_id)
        for key in others:
            try:
                return self._decode_with(key, token)
            except jwt.InvalidSignatureError:
                continue
        return self._decode_with(last, token)

    def _decode_with(self, key: Any, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = self._decoder.decode(
            token,
            key,
            algorithms=list(self._keys.algorithms),
            audience=self._audience,
            issuer=self._issuer,
            leeway=MAX_CLOCK_SKEW_S,
        )
        return claims


def _name(claims: dict[str, Any], claim: str) -> str:
    value = claims[claim]
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > MAX_NAME_LENGTH:
        raise TokenRefused(f"The token's claim '{claim}' must be 1 to {MAX_NAME_LENGTH} printable characters.")
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _reason(error: jwt.PyJWTError) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "The token has expired."
        case jwt.ImmatureSignatureError():
            return "The token is not valid yet."
        case jwt.MissingRequiredClaimError(claim=claim):
            return f"The token lacks the claim '{claim}'."
        case jwt.InvalidAudienceError():
            return "The token is for another audience."
        case jwt.InvalidIssuerError():
            return "The token is from another issuer."
        case jwt.exceptions.InvalidSubjectError():
            return "The token's claim 'sub' must be text."
        case jwt.InvalidAlgorithmError():
            return "The token's algorithm is not allowed."
        case jwt.InvalidSignatureError():
            return "The token's signature is wrong."
        case _:
            return "The token is malformed."
