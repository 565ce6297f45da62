"""RSA keys for tests that need some: to make one takes longer than most tests."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def rsa_key(number: int = 1) -> rsa.RSAPrivateKey:
    """Return a key of 2,048 bits: the same for the same number, for as long as the process lives."""
    return rsa.generate_private_key(65537, 2048)
