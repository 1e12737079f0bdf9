"""What What's Up Docker asks a registry: the list of tags, and the digest behind one.

Over the registry's own API and without a login, which is what a mirror needs. ghcr.io and Docker
Hub have upstream's names and addresses here; nobody in the sandbox answers there, and their tokens
are not asked for. A digest is that of the manifest for this platform, never that of the list of
platforms. A list without this platform is an error, as upstream.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import quote

from . import application

TIMEOUT_SECONDS = 60.0
PAGE = 1000
LISTS = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
SINGLE = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
MIRROR = re.compile(r"WUD_REGISTRY_CUSTOM_([A-Z0-9]+)_URL")


class RegistryError(Exception):
    """The registry did not answer, or refused; the message is what the container's error says."""


class Registry(NamedTuple):
    """One registry: its name in messages, its address, and whether digests are off by default."""

    name: str
    url: str
    digests_by_label: bool = False


def of_domain(domain: str, environment: dict[str, str]) -> Registry | None:
    """Who serves images of this domain ("" is Docker Hub); None when nobody is configured."""
    if re.fullmatch(r".*\.?ghcr.io", domain):
        return Registry("ghcr.public", "https://ghcr.io/v2")
    if not domain or re.fullmatch(r".*\.?docker.io", domain):
        return Registry("hub.public", "https://registry-1.docker.io/v2", digests_by_label=True)
    for variable, url in environment.items():
        found = MIRROR.fullmatch(variable)
        # Also a part of the address will do: that is how it compares them.
        if found and domain in url:
            return Registry(f"custom.{found[1].lower()}", f"{url}/v2")
    return None


def tags(url: str, name: str) -> list[str]:
    """All tags of an image, the highest by letters first. Raise RegistryError."""
    found: list[str] = []
    last = ""
    while True:
        query = f"?n={PAGE}" + (f"&last={quote(last)}" if last else "")
        body, headers = _ask(f"{url}/{name}/tags/list{query}", "application/json")
        page = [str(one) for one in (json.loads(body).get("tags") or [])]
        found += page
        if "link" not in headers or not page:
            return sorted(found, reverse=True)
        last = page[-1]


def digest(url: str, name: str, reference: str, platform: dict[str, str]) -> str:
    """The digest of the manifest for this platform behind a tag or digest. Raise RegistryError."""
    body, _ = _ask(f"{url}/{name}/manifests/{reference}", ", ".join((*LISTS, *SINGLE)))
    manifest: dict[str, Any] = json.loads(body)
    kind, wanted = manifest.get("mediaType"), reference
    if kind in LISTS:
        fitting = [one for one in manifest["manifests"] if _fits(one["platform"], platform)]
        exact = [one for one in fitting if one["platform"].get("variant") == platform["variant"]]
        if not fitting:
            raise RegistryError("Unexpected error; no manifest found")
        chosen = (exact or fitting)[0] if len(fitting) > 1 else fitting[0]
        wanted, kind = chosen["digest"], chosen["mediaType"]
    if kind not in SINGLE:
        raise RegistryError("Unexpected error; no manifest found")
    _, headers = _ask(f"{url}/{name}/manifests/{wanted}", str(kind), method="HEAD")
    return headers.get("docker-content-digest", "")


def _fits(found: dict[str, Any], wanted: dict[str, str]) -> bool:
    return all(found.get(key) == wanted[key] for key in ("architecture", "os"))


def _ask(url: str, accept: str, method: str = "GET") -> tuple[bytes, dict[str, str]]:
    request = urllib.request.Request(url, method=method, headers={"Accept": accept})
    timeout = float(application.setting("STANDIN_REGISTRY_SECONDS", str(TIMEOUT_SECONDS)))
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            headers = {key.lower(): value for key, value in response.headers.items()}
            return response.read(), headers
    except urllib.error.HTTPError as error:
        raise RegistryError(f"Request failed with status code {error.code}") from error
    except (OSError, ValueError) as error:
        raise RegistryError(str(getattr(error, "reason", error))) from error
