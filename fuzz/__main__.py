"""``make fuzz``: atheris on every target, each a share of the time. ``python -m fuzz TARGET``: one."""

import argparse
import subprocess
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["transport", "fuzz.targets", "websockets"]):
    from fuzz.targets import SECRET, TARGETS, TOKEN

CORPUS = Path("fuzz-corpus")

_WS = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
SEEDS = {
    "http": [
        b"\xffGET /health HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\xffPOST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\na: b\r\n\r\n",
        b"\xff" + _WS + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer x\r\n\r\n",
    ],
    "writes": [
        b"\xffPOST /api/v1/sync/watchlist HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
        + TOKEN.encode()
        + b"\r\nContent-Length: 71\r\n\r\n"
        + b'{"operation":"add","content_id":"0b0e6a4e-52a5-4a5b-9a1f-000000000001"}'
        + b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\x01POST /api/v1/sync/operations HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
        + TOKEN.encode()
        + b'\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"operations":[]}\r\n0\r\n\r\n',
    ],
    "frames": [b"\x07\x81\x82\0\0\0\0{}\x01\x81\0\0\0\0a\x80\x81\0\0\0\0b\x89\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe8"],
    "device-message": [
        b'{"type":"watchlist_update","operation":"add","content_id":"0b0e6a4e-52a5-4a5b-9a1f-000000000001","id":"1"}',
        b'{"type":"authenticate","token":"x","id":1}',
    ],
    "token": [b'{"sub":"ann","device_id":"tv","exp":99999999999,"iat":1,"jti":"1"}', SECRET.encode()],
    "channel": [
        b"user.a=2Eb.sync",
        b'{"type":"watchlist_update","operation":"add","content_id":"0b0e6a4e-52a5-4a5b-9a1f-000000000001",'
        b'"unique_tag":"syncd:7","timestamp":{"physical":1,"logical":0,"node":"n"},"device_id":"d","revision":7}',
    ],
}


def main() -> int:
    """Run all targets; 1 if one failed. What made it fail is written to ``crash-…`` and can be given as an argument."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="in all (default: 60)")
    seconds = parser.parse_args().seconds
    failed = []
    for name in TARGETS:
        print(f"{name}:", flush=True)
        command = [sys.executable, "-m", "fuzz", name, f"-max_total_time={max(1, seconds // len(TARGETS))}"]
        if subprocess.run([*command, "-max_len=4096", "-print_final_stats=0", "-verbosity=1"], check=False).returncode:  # noqa: S603
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def fuzz_one(name: str, flags: list[str]) -> None:
    """Fuzz one target, from its seeds and what earlier runs found interesting; does not return."""
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    inputs = [] if any(not flag.startswith("-") for flag in flags) else [str(corpus)]
    atheris.Setup([sys.argv[0], *flags, *inputs], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in TARGETS:
        fuzz_one(sys.argv[1], sys.argv[2:])
    sys.exit(main())
