"""Further tags of an image that the registry has: the same layers, another configuration.

What an image is started with (environment, entry point, health check, platform) is in its
configuration, so a version that is sick, slow or for another machine needs no build: two documents
are put into the registry. Everything goes over the registry's own API.
"""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any

from sandbox import names, registry
from sandbox.command import SandboxError

Document = dict[str, Any]
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"


def derive(repository: str, tag: str, new_tag: str, change: Callable[[Document], None]) -> str:
    """Serve `repository:tag` as `new_tag`, its image configuration changed by `change`.

    Return the digest of the new manifest. Raise SandboxError.
    """
    return _serve(repository, new_tag, _derived(repository, tag, change))


def derive_without_tag(repository: str, tag: str, change: Callable[[Document], None]) -> str:
    """The same, but to be had by its digest alone: nobody else comes across it. Return that."""
    manifest = _derived(repository, tag, change)
    reference = f"sha256:{hashlib.sha256(json.dumps(manifest).encode()).hexdigest()}"
    return _serve(repository, reference, manifest)


def derive_index(repository: str, tag: str, new_tag: str, architecture: str) -> str:
    """Serve an index of which the one entry is `tag`, said to be for this architecture."""
    content = _ask(f"{repository}/manifests/{tag}")[1]
    entry = {
        "mediaType": json.loads(content)["mediaType"],
        "digest": registry.digest(repository, tag),
        "size": len(content),
        "platform": {"os": "linux", "architecture": architecture},
    }
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    return _serve(repository, new_tag, index)


def with_environment(values: Mapping[str, str]) -> Callable[[Document], None]:
    """A change for `derive`: these variables, in place of those of the same names."""

    def change(config: Document) -> None:
        before = [one for one in config["config"]["Env"] if one.partition("=")[0] not in values]
        config["config"]["Env"] = [*before, *(f"{name}={value}" for name, value in values.items())]

    return change


def _derived(repository: str, tag: str, change: Callable[[Document], None]) -> Document:
    manifest = _document(f"{repository}/manifests/{tag}")
    config = _document(f"{repository}/blobs/{manifest['config']['digest']}")
    change(config)
    content = json.dumps(config).encode()
    manifest["config"] |= {"digest": _upload(repository, content), "size": len(content)}
    return manifest


def _serve(repository: str, tag: str, manifest: Document) -> str:
    content = json.dumps(manifest).encode()
    kind = {"Content-Type": str(manifest["mediaType"])}
    headers, _ = _ask(f"{repository}/manifests/{tag}", "PUT", content, kind)
    return str(headers["Docker-Content-Digest"])


def _document(path: str) -> Document:
    found: Document = json.loads(_ask(path)[1])
    return found


def _upload(repository: str, content: bytes) -> str:
    """Put a blob there; return its digest."""
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    headers, _ = _ask(f"{repository}/blobs/uploads/", "POST", b"")
    where = urllib.parse.urlsplit(headers["Location"])
    path = f"{where.path.removeprefix('/v2/')}?{where.query}&digest={found}"
    _ask(path, "PUT", content, {"Content-Type": "application/octet-stream"})
    return found


def _ask(
    path: str,
    method: str = "GET",
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[Message, bytes]:
    """Ask the registry; (headers, body). Raise SandboxError."""
    request = urllib.request.Request(
        f"http://{names.PUSH_REGISTRY}/v2/{path}",
        data=content,
        method=method,
        headers={"Accept": registry.MANIFEST_TYPES, **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=registry.TIMEOUT_SECONDS) as response:
            return response.headers, response.read()
    except urllib.error.URLError as error:
        raise SandboxError(f"the registry, asked for {method} {path}: {error}") from error
