"""nginx and HAProxy as operators run them in front of a daemon, in processes of their own."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.timeouts import TIMEOUT_S

NGINX = """
daemon off; pid {directory}/nginx.pid; error_log stderr; worker_processes 1; user root;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {directory}/t; proxy_temp_path {directory}/t; fastcgi_temp_path {directory}/t;
  uwsgi_temp_path {directory}/t; scgi_temp_path {directory}/t;
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
  upstream syncd {{ server {upstream}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port} ssl http2;
    server_name localhost;
    ssl_certificate {directory}/tls.crt; ssl_certificate_key {directory}/tls.key;
    location {location} {{
      proxy_pass {pass_to};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      {headers}
      proxy_read_timeout 90s;
    }}
  }}
}}
"""

HAPROXY = """
global
  log stderr format raw local0 err
defaults
  mode http
  timeout connect 5s
  timeout client 90s
  timeout server 90s
  timeout tunnel 90s
  option forwardfor
frontend public
  bind 127.0.0.1:{port} ssl crt {directory}/both.pem alpn h2,http/1.1
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  {rules}
  default_backend syncd
backend syncd
  server node {upstream}
"""


def program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed; on Debian: apt-get install --no-install-recommends nginx-light haproxy")
    return path


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Run a proxy until the end of the context, which begins when it listens on ``port``."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            ends_s = time.monotonic() + TIMEOUT_S
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < ends_s, log.read_text()
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.01)
            yield
        finally:
            process.kill()
