"""Gluetun's control server: the forwarded port, the exit address, the tunnel on and off.

The key is read from its file for each request, so a rotated one needs no restart of ours. Facts
(Gluetun v3.41.3): header X-API-Key; 401 for a wrong key and for every route that no role lists;
`/v1/portforward` says {"port": N, "ports": [N]}, and 0, null or [] while there is none; the older
`/v1/openvpn/portforwarded` answers 301 to it. A redirect is followed on the same server only.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urljoin, urlsplit

from mediastack import http_client

REDIRECTS = (301, 302, 307, 308)
MAXIMUM_REDIRECTS = 3
LARGEST_PORT = 65535
# The tunnel is taken down and built up within this request.
STATUS_SECONDS = 30.0


class GluetunError(Exception):
    """Gluetun did not say it; the message says why, and no key."""


class Gluetun:
    """A control server and the file with its key."""

    def __init__(
        self, url: str, key_file: str, *, timeout_seconds: float = http_client.TIMEOUT_SECONDS
    ) -> None:
        self._url = url.rstrip("/")
        self._key_file = key_file
        self._timeout_seconds = timeout_seconds

    def port(self) -> int:
        """Return the forwarded port (of several the first), 0 while there is none.

        Raise GluetunError.
        """
        answer = self._ask("GET", "/v1/portforward", also=("/v1/openvpn/portforwarded",))
        ports = answer.get("ports") or [answer.get("port", 0)]
        port = ports[0] if isinstance(ports, list) else None
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= LARGEST_PORT:
            raise GluetunError("its control server names no port that can be one")
        return port

    def public_ip(self) -> str:
        """Return the exit address as Gluetun found it, "" while it knows none (tunnel down).

        Raise GluetunError.
        """
        return str(self._ask("GET", "/v1/publicip/ip").get("public_ip") or "")

    def status(self) -> str:
        """Return "running", "stopped", or another word of Gluetun's. Raise GluetunError."""
        return str(self._ask("GET", "/v1/vpn/status").get("status") or "")

    def set_status(self, status: str) -> str:
        """Ask for "running" or "stopped"; return what Gluetun says of it. Raise GluetunError."""
        body = json.dumps({"status": status}).encode()
        answer = self._ask("PUT", "/v1/vpn/status", body=body, timeout_seconds=STATUS_SECONDS)
        return str(answer.get("outcome") or "")

    def _ask(
        self,
        method: str,
        path: str,
        *,
        also: tuple[str, ...] = (),
        body: bytes | None = None,
        timeout_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object of an answer; `also`: paths to ask where this one is unknown."""
        url = self._url + path
        headers = {"X-API-Key": self._key()}
        for _ in range(MAXIMUM_REDIRECTS + 1):
            try:
                answer = http_client.request(
                    method, url, headers=headers, body=body,
                    timeout_seconds=timeout_seconds or self._timeout_seconds,
                )  # fmt: skip
            except http_client.NoAnswer as error:
                raise GluetunError(f"its control server does not answer ({error})") from None
            if answer.status not in REDIRECTS or method != "GET":
                break
            url = urljoin(url, answer.header("location"))
            if urlsplit(url)[:2] != urlsplit(self._url)[:2]:
                raise GluetunError("its control server sends us to another server")
        if answer.status == 404 and also:
            return self._ask(method, also[0], also=also[1:], timeout_seconds=timeout_seconds)
        if answer.status == 401:
            raise GluetunError(f"its control server refuses our key for {method} {path} (401)")
        if answer.status != 200:
            raise GluetunError(f"its control server answers {answer.status} to {method} {path}")
        try:
            value = json.loads(answer.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise GluetunError(f"its control server answers {method} {path} with no JSON object")
        return value

    def _key(self) -> str:
        try:
            with open(self._key_file, encoding="utf-8") as stream:
                return stream.read().strip()
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or "no text"
            raise GluetunError(f"{self._key_file}: {problem}") from None
