"""What's Up Docker's API: which tags it has seen, as hints. It may be away, or say anything.

Only three things are taken from an answer, and checked as strangers' words: which service, which
tag, whether an error was met. Facts: WUD 8.3.1, `GET /api/containers`, `POST
/api/containers/{id}/watch` (asks the registry now; answers with the container).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from mediastack import http_client
from mediastack.docker_engine import LABEL

LIST_SECONDS = 5.0
WATCH_SECONDS = 30.0
MAXIMUM_BYTES = 4 * 1024 * 1024
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
IDENTITY = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def tags(base: str, services: Collection[str]) -> dict[str, set[str]] | None:
    """Return {service: tags that it has found}, of these services; None when it does not answer
    as it should."""
    found: dict[str, set[str]] = {}
    listed = containers(base)
    if listed is None:
        return None
    for one in listed:
        service, tag = service_of(one), result_of(one)
        if service in services and tag:
            found.setdefault(service, set()).add(tag)
    return found


def watch(base: str, service: str) -> str:
    """Make it look for this service now; return the tag that it finds, "" for none or no answer."""
    for one in containers(base) or []:
        identity = one.get("id")
        if (
            service_of(one) == service
            and isinstance(identity, str)
            and IDENTITY.fullmatch(identity)
        ):
            path = f"/api/containers/{quote(identity, safe='')}/watch"
            answer = _asked("POST", base + path, WATCH_SECONDS)
            if isinstance(answer, Mapping) and service_of(answer) == service:
                return result_of(answer)
    return ""


def containers(base: str) -> list[Mapping[str, Any]] | None:
    """Return what it watches, None when it does not answer as it should."""
    if not base:
        return None
    answer = _asked("GET", f"{base}/api/containers", LIST_SECONDS)
    return [one for one in answer if isinstance(one, Mapping)] if isinstance(answer, list) else None


def service_of(container: Mapping[str, Any]) -> str:
    """Return whose container that is by our label, else by its name, "" when it says neither."""
    labels = container.get("labels")
    name = labels.get(LABEL) if isinstance(labels, Mapping) else None
    name = name or container.get("name")
    return name if isinstance(name, str) else ""


def result_of(container: Mapping[str, Any]) -> str:
    """Return the tag that it has found, "" when there is none or it is no tag."""
    result = container.get("result")
    tag = result.get("tag") if isinstance(result, Mapping) else None
    return tag if isinstance(tag, str) and TAG.fullmatch(tag) else ""


def _asked(method: str, url: str, seconds: float) -> Any:
    try:
        answer = http_client.request(
            method, url, timeout_seconds=seconds, maximum_bytes=MAXIMUM_BYTES
        )
        return json.loads(answer.body) if answer.status == 200 else None  # noqa: PLR2004
    except (http_client.NoAnswer, ValueError, RecursionError):
        return None
