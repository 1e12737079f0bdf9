"""What the registry serves, asked over its own API (never from what we believe we pushed)."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from typing import Any

from sandbox import names

MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
)
TIMEOUT_SECONDS = 10.0


def digest(repository: str, tag: str) -> str:
    """The manifest digest of `repository:tag`, "" when the registry has none or does not answer."""
    request = urllib.request.Request(
        f"http://{names.PUSH_REGISTRY}/v2/{repository}/manifests/{tag}",
        method="HEAD",
        headers={"Accept": MANIFEST_TYPES},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return str(response.headers.get("Docker-Content-Digest", ""))
    except urllib.error.URLError:
        return ""


def forget(repository: str, digest: str) -> None:
    """Take the manifest out of `repository`, with every tag it has. One that is gone is fine."""
    url = f"http://{names.PUSH_REGISTRY}/v2/{repository}/manifests/{digest}"
    request = urllib.request.Request(url, method="DELETE")
    with (
        contextlib.suppress(urllib.error.URLError),
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS),
    ):
        pass


def tags(repository: str) -> list[str]:
    """All tags of `repository`, sorted; none when the registry does not know it."""
    return sorted(_get(f"{repository}/tags/list").get("tags") or [])


def repositories() -> list[str]:
    """All repositories the registry holds."""
    return sorted(_get("_catalog?n=1000").get("repositories") or [])


def _get(path: str) -> dict[str, Any]:
    try:
        url = f"http://{names.PUSH_REGISTRY}/v2/{path}"
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except urllib.error.URLError:
        return {}
