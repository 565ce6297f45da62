"""Who a token speaks for: JSON Web Tokens, checked once and remembered until they end.

Nothing of a token is ever logged; the text of a refusal may be shown to the client.
"""

import hashlib
import time
from collections.abc import Callable, Container
from functools import lru_cache
from typing import Any, Final, overload

import jwt
from jwt.types import Options
from msgspec import Struct

from actors.messages.names import NAME_RULE, is_name
from transport.access.signing_keys import SigningKeys
from transport.access.verification_key import VerificationKey
from transport.errors import SigningKeyMissing, TokenRefused

MAX_TOKEN_LENGTH: Final = 8192
MAX_CLOCK_SKEW_S: Final = 10
"""How far the issuer's clock may be ahead of ours in ``iat`` and ``nbf``; ``exp`` is never extended."""
MAX_REMEMBERED: Final = 10_000
ALGORITHM_NOT_ALLOWED: Final = "The token's algorithm is not allowed."
WRONG_SIGNATURE: Final = "The token's signature is wrong."
_CHECKED_UNSIGNED: Final[Options] = {
    "verify_exp": True, "verify_nbf": True, "verify_iat": True, "verify_iss": True, "verify_sub": True,
}  # fmt: skip
"""Without a signature to verify, PyJWT checks only what is asked for."""


class Claims(Struct, frozen=True):
    """What a valid token says."""

    user_id: str
    device_id: str
    expires_at: int
    """Seconds since 1970."""
    token_id: str | None = None
    """By which it can be revoked: see ``revocable_id``."""
    scope: str | None = None
    thumbprint: str = ""
    """That of the key that verified it."""


class Authenticator:
    """Checks signature, algorithm, times, audience, issuer and the claims ``exp``, ``sub`` and ``device_id``.

    A token whose ``jti`` is in ``revoked_token_ids``, which others keep up to date, is refused. A token seen before is
    checked again if its key is not known any more.

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
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        self.keys = keys
        self._max_remembered = max_remembered
        self._audience = audience
        self._issuer = issuer
        self._revoked_token_ids = revoked_token_ids
        self._now_s = now_s
        self._decoder = jwt.PyJWT(options={"require": ["exp", "sub", "device_id"], "verify_aud": audience is not None})
        self._remembered: dict[bytes, Claims] = {}

    def authenticate(self, token: str) -> Claims:
        """Return what ``token`` says, without ever waiting.

        Raises:
            TokenRefused: it is not valid, or no longer.
            SigningKeyMissing: no known key verifies it, and others may be published.
        """
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self._remembered.get(digest)
        if claims is None or claims.thumbprint not in self.keys.known.thumbprints:
            self._remembered.pop(digest, None)
            claims = self._remembered[digest] = self._check(token)
            if len(self._remembered) > self._max_remembered:
                del self._remembered[next(iter(self._remembered))]
        if self._now_s() >= claims.expires_at:
            self._remembered.pop(digest, None)
            raise TokenRefused("The token has expired.")
        if claims.token_id is not None and claims.token_id in self._revoked_token_ids:
            raise TokenRefused("The token was revoked.")
        return claims

    async def authenticate_fetching(self, token: str, missing: SigningKeyMissing) -> Claims:
        """Return what ``token`` says, for which ``authenticate`` raised ``missing``, by the keys published now.

        Raises:
            TokenRefused: it is not valid.
            KeysUnavailable: the issuer is away, so that nobody can say.
        """
        for _ in range(2):  # the first set may have been asked for before the token's key was published
            await self.keys.refresh(missing.known)
            if self.keys.known is missing.known:
                break
            try:
                return self.authenticate(token)
            except SigningKeyMissing as error:
                missing = error
        raise missing

    def _check(self, token: str) -> Claims:
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused(f"The token is longer than {MAX_TOKEN_LENGTH} characters.")
        try:
            claims, key = self._verify(token)
            return Claims(
                user_id=_name(claims, "sub"),
                device_id=_name(claims, "device_id"),
                expires_at=int(float(claims["exp"])),  # infinity is an OverflowError
                token_id=revocable_id(_text(claims.get("jti"))),
                scope=_text(claims.get("scope")),
                thumbprint=key.thumbprint,
            )
        except jwt.PyJWTError as error:
            raise TokenRefused(_reason(error)) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise TokenRefused("The token is malformed.") from None

    def _verify(self, token: str) -> tuple[dict[str, Any], VerificationKey]:
        algorithm, key_id = _signed_by(token.partition(".")[0])
        known = self.keys.known
        if algorithm not in self.keys.algorithms:
            raise TokenRefused(ALGORITHM_NOT_ALLOWED)
        candidates = known.candidates(algorithm, key_id)
        for key in candidates:
            try:
                return self._decode(token, key), key
            except jwt.InvalidSignatureError:
                continue
        reason = WRONG_SIGNATURE if candidates else "The token is signed with an unknown key."
        if not self.keys.may_change:
            raise TokenRefused(reason)
        self._refuse_if_hopeless(token)
        raise SigningKeyMissing(reason, known)

    def _decode(self, token: str, key: VerificationKey) -> dict[str, Any]:
        claims: dict[str, Any] = self._decoder.decode(
            token,
            key.key,
            algorithms=key.algorithms,
            audience=self._audience,
            issuer=self._issuer,
            leeway=MAX_CLOCK_SKEW_S,
        )
        return claims

    def _refuse_if_hopeless(self, token: str) -> None:
        """Refuse what no key would make valid, so that it causes no fetch. Nothing that it says is believed."""
        self._decoder.decode(
            token,
            options={"verify_signature": False, "verify_aud": self._audience is not None, **_CHECKED_UNSIGNED},
            audience=self._audience,
            issuer=self._issuer,
            leeway=MAX_CLOCK_SKEW_S,
        )


@overload
def revocable_id(jti: str) -> str: ...


@overload
def revocable_id(jti: str | None) -> str | None: ...


def revocable_id(jti: str | None) -> str | None:
    """Return the id by which tokens with this ``jti`` are revoked: the ``jti``, or its digest if it is no name.

    Issuers may use any text, as long as a token; what databases index, and logs show, must be a name.
    """
    if jti is None or is_name(jti):
        return jti
    return f"sha256:{hashlib.sha256(jti.encode(errors='surrogatepass')).hexdigest()}"


@lru_cache(maxsize=64)
def _signed_by(header: str) -> tuple[Any, Any]:
    """Return the ``alg`` and ``kid`` of a token's first part, which all tokens of one key have in common.

    Raises:
        jwt.DecodeError: it is not a header.
    """
    # PyJWT decodes payload and signature, too, which it will do again: with none of them it has little to do.
    said = jwt.get_unverified_header(f"{header}..")
    return said.get("alg"), said.get("kid")


def _name(claims: dict[str, Any], claim: str) -> str:
    value = claims[claim]
    if not is_name(value):
        raise TokenRefused(f"The token's claim '{claim}' must be {NAME_RULE}.")
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
            return ALGORITHM_NOT_ALLOWED
        case _:
            return "The token is malformed."
