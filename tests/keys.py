"""RSA keys for tests that need some: to find their primes takes longer than most tests."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

_EXPONENT = 65537
_PRIMES = (
    (
        "f2effa18b54a65bdd2e3a1e7d06ec0d93b5d49cb065dbf9100ed1d9265fa21026412c3e011838e0b63ed14b210576dc1"
        "2960de82cf8c4120dfea0be7d3363c069348ce55860e165e1a1d812e35bc0d88585ad64ffb64b75c649eb1667177a92a"
        "7398ae26e70b7a2488efcc5637cbd905dcbb56b42fc26a34239a879a38821b33",
        "b52a5594a005ca435d97b576b56b432febad54b6435005befd6b1a235e80e85338e010f996f0a0329ccdbf1bcb473a00"
        "cf4e0c068216d23df3b67629ade1fcc1e481a0c2db66492db24168145310b6ace8b231f2cba9181e2d0ae76b06adf427"
        "72f8112ee7d017590e44868bbd7596fac80d9c69074a8a15b482fb597c3f0463",
    ),
    (
        "cb81c3b2bbe627ec4245f0ec9eadc674eb2a5c04b35e3a534c6736a3172a50605c6c6f23699c4c70c2047bdc6e417404"
        "9c6fdfc96776d8545483bd290d108bc4b26d0025c77b2d288c6a20bde769a343abb2f80e2bd701bc0358a15e623322f7"
        "8a10fc0944c422d2891c56f6762cf98ddcc9d205ae7b922cfe4990c326e5a617",
        "c5abe3fb2461867d49387162d590236b30b7d022202fb145efdce3e4c12eea2bd520e5b1d8c5a1d02b32559c6abbf8c2"
        "cd9de9258b35d4da4f88483fe9d04d28e32bb5ade0789543dac89f17e0b928f7985c3d8da0902fbd46f5ac9a1c3d3079"
        "f4e8bf8418fa4f9902f1e22cac1cea1b0218bc6f9e592857b50c8a922ce2ebc3",
    ),
    (
        "e75e106ba392acdf78a39e49186e271ab256ca52d11d5141fb33dee40da7f39ac97693e9d151890241dc55bb23450052"
        "612cb03ee0554ce8637bbd32624579e04126b366e478ef49942887868f09307c6d38e4e3fba70f001751fe26da62cabe"
        "0b797ccea5720cbca70e41cc68445e28df8547dd0cdc9209aaba1883e118b5af",
        "e624194f7c18d610bc9d348061500f5dbac119ce8dacebbbf69b9a79917db6f15ebcdc06a9862b8f0e90b666b6278a3b"
        "9d7925feed1854f5e8c388269c3b1f429ba4e53016ad52381e660eaea22486039b621db51ef8841d41e5728eee6d0be6"
        "ff4c2cd774d8dc02f5ed7b27536910d232c481d984ec7ab4a48221db8bbc6285",
    ),
)
"""The primes of three keys that have no use but in tests."""


@cache
def rsa_key(number: int = 1) -> rsa.RSAPrivateKey:
    """Return a key of 2,048 bits: the same for the same number, which is 1, 2 or 3."""
    p, q = (int(prime, 16) for prime in _PRIMES[number - 1])
    d = rsa.rsa_recover_private_exponent(_EXPONENT, p, q)
    return rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(_EXPONENT, p * q),
    ).private_key(unsafe_skip_rsa_key_validation=True)
