"""The Docker API over tcp (a socket proxy), as far as the watching stand-ins need it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

TIMEOUT_SECONDS = 10.0


class DockerError(Exception):
    """The API did not answer, or refused; the message carries the status."""


def request(address: str, method: str, path: str) -> Any:
    """Send one request to `address` (tcp://host:port); return the JSON answer, None when empty."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 2375, timeout=TIMEOUT_SECONDS
    )
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    except OSError as error:
        raise DockerError(f"{address}: {error}") from error
    finally:
        connection.close()
    if response.status >= 300:
        raise DockerError(f"{method} {path}: {response.status}")
    return json.loads(body) if body else None


def containers(address: str, filters: dict[str, list[str]] | None = None) -> list[dict[str, Any]]:
    """The containers (all of them) that match `filters`."""
    suffix = f"&filters={quote(json.dumps(filters))}" if filters else ""
    found: list[dict[str, Any]] = request(address, "GET", f"/containers/json?all=1{suffix}")
    return found


def try_containers(address: str) -> list[dict[str, Any]]:
    """Like containers(), but an unreachable API is only logged."""
    try:
        return containers(address)
    except DockerError as error:
        print(f"docker: {error}")
        return []


def events(address: str, filters: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """What happens from now on, until the stream is cut. Raise DockerError."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 2375)
    try:
        connection.request("GET", f"/events?filters={quote(json.dumps(filters))}")
        response = connection.getresponse()
        if response.status >= 300:
            raise DockerError(f"GET /events: {response.status}")
        # Line by line: an answer that never ends has no end to wait for.
        while line := response.readline():
            if line.strip():
                yield json.loads(line)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DockerError(f"{address}: {error}") from error
    finally:
        connection.close()
