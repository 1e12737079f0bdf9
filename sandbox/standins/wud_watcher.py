"""One watcher of What's Up Docker: looks at containers, remembers what it found, posts what is new.

What it remembers is a file, so a restart posts nothing twice. A container that it knows is not read
again, whatever its image is called by now. A result that is new is posted once, in a thread of its
own and with no second attempt: when that fails nobody hears of it, as upstream.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import docker_api, wud_container, wud_registry
from .wud_container import Container

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, compress, deflate, br",
    "User-Agent": "axios/1.18.1",
    "Connection": "keep-alive",
}
Post = Callable[[Container], None]


class Watcher:
    """The containers it knows, in `file`; `post` is told of each result that is new."""

    def __init__(
        self, name: str, docker: str, file: Path, environment: dict[str, str], post: Post
    ) -> None:
        self.name, self._docker, self._file, self._post = name, docker, file, post
        self._environment = environment
        self._by_default = _flag(environment, f"WUD_WATCHER_{name.upper()}_WATCHBYDEFAULT")
        self._lock = threading.RLock()
        self._known: dict[str, Container] = {}
        with contextlib.suppress(OSError, ValueError):  # a first start
            self._known = json.loads(file.read_text(encoding="utf-8"))

    def containers(self) -> list[Container]:
        """What it remembers, by name."""
        with self._lock:
            known = sorted(self._known.values(), key=lambda one: str(one["name"]))
            return [wud_container.told(one) for one in known]

    def get(self, identifier: str) -> Container | None:
        """One container that it remembers."""
        with self._lock:
            found = self._known.get(identifier)
            return wud_container.told(found) if found else None

    def forget(self, identifier: str) -> bool:
        """Remove one from memory; False when it is not there."""
        with self._lock:
            return self._known.pop(identifier, None) is not None

    def watch(self) -> list[Container]:
        """Look at all of them; return what is remembered then."""
        found = self._listed()
        for container in found:
            self.look(container)
        print(f"wud: {len(found)} containers watched", flush=True)
        return self.containers()

    def watch_one(self, identifier: str) -> Container | None:
        """Look at one that it remembers; None when it is gone."""
        chosen = [one for one in self._listed() if one["id"] == identifier]
        return self.look(chosen[0]) if chosen else None

    def look(self, container: Container) -> Container:
        """Ask its registry, remember the answer, post it when it is new."""
        looked = {key: one for key, one in container.items() if key not in ("result", "error")}
        looked["image"] = json.loads(json.dumps(container["image"]))
        try:
            looked["result"] = self._found(looked)
        except wud_registry.RegistryError as error:
            print(f"wud: {container['name']}: {error}", file=sys.stderr, flush=True)
            looked["error"] = {"message": str(error)}
        told = wud_container.told(looked)
        with self._lock:
            before = self._known.get(container["id"])
            self._known[container["id"]] = looked
            self._save()
        changed = before is None or wud_container.result_of(before) != wud_container.result_of(told)
        if told["updateAvailable"] and (changed or not self._once()):
            threading.Thread(target=self._post, args=(told,), daemon=True).start()
        return told

    def _found(self, container: Container) -> dict[str, Any]:
        image = container["image"]
        url, name = image["registry"]["url"], image["name"]
        tags = wud_container.candidates(container, wud_registry.tags(url, name))
        result = {"tag": image["tag"]["value"]}
        if image["digest"]["watch"] and image["digest"].get("repo"):
            platform = {key: image.get(key) for key in ("architecture", "os", "variant")}
            ask = (url, name)
            result["digest"] = wud_registry.digest(*ask, image["tag"]["value"], platform)
            image["digest"]["value"] = wud_registry.digest(*ask, image["digest"]["repo"], platform)
        if tags:
            result["tag"] = tags[0]
        return result

    def _listed(self) -> list[Container]:
        """The running containers that are to be watched; others are forgotten."""
        try:
            entries = docker_api.request(self._docker, "GET", "/containers/json")
        except docker_api.DockerError as error:
            print(f"wud: {error}", file=sys.stderr, flush=True)
            return []
        found = []
        for entry in entries:
            if not wud_container.is_watched(entry.get("Labels") or {}, self._by_default):
                continue
            known = self._known.get(entry["Id"])
            if known and "error" not in known:
                found.append(known)
                continue
            described = self._described(entry)
            if isinstance(described, str):
                print(f"wud: {described}", file=sys.stderr, flush=True)
            else:
                found.append(described)
        with self._lock:
            kept = {one["id"] for one in found}
            self._known = {key: one for key, one in self._known.items() if key in kept}
            self._save()
        return found

    def _described(self, entry: dict[str, Any]) -> Container | str:
        try:
            image = docker_api.request(self._docker, "GET", f"/images/{entry['Image']}/json")
        except docker_api.DockerError as error:
            return f"Failed to fetch image detail for container {entry['Id']}: {error}"
        return wud_container.described(entry, image, self.name, self._environment)

    def _once(self) -> bool:
        return not any(
            name.startswith("WUD_TRIGGER_HTTP_") and name.endswith("_ONCE") and value == "false"
            for name, value in self._environment.items()
        )

    def _save(self) -> None:
        try:
            self._file.write_text(json.dumps(self._known), encoding="utf-8")
        except OSError as error:
            print(f"wud: {error}", file=sys.stderr, flush=True)


def trigger(name: str, environment: dict[str, str]) -> Post:
    """What posts to the HTTP trigger `name`, with its token. Raise SystemExit for a bad method."""
    prefix = f"WUD_TRIGGER_HTTP_{name}_"
    url, method = environment[f"{prefix}URL"], environment.get(f"{prefix}METHOD", "POST")
    if method != "POST":
        raise SystemExit(f"{prefix}METHOD={method}: this stand-in only posts")
    headers = dict(HEADERS)
    # Any other spelling than this one is accepted, and sends nothing.
    if environment.get(f"{prefix}AUTH_TYPE", "BASIC") == "BEARER":
        token = _value(environment, f"{prefix}AUTH_BEARER")
        # A newline at its end is the HTTP client's to drop; it is the only thing that is dropped.
        headers["Authorization"] = f"Bearer {token}".rstrip("\r\n")

    def post(container: Container) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80)
        try:
            body = json.dumps(container, separators=(",", ":"), ensure_ascii=False).encode()
            connection.request("POST", parts.path or "/", body, headers)
            status = connection.getresponse().status
            said = "" if status < 300 else f"Request failed with status code {status}"  # noqa: PLR2004
        except (OSError, ValueError, http.client.HTTPException) as error:
            said = str(error)
        finally:
            connection.close()
        if said:
            print(f"wud: {container['name']}: Error ({said})", file=sys.stderr, flush=True)

    return post


def triggers(environment: dict[str, str]) -> list[str]:
    """The names of the HTTP triggers that fire by themselves."""
    start, end = "WUD_TRIGGER_HTTP_", "_URL"
    names = [one[len(start) : -len(end)] for one in environment if one.startswith(start)]
    found = [one for one in names if f"{start}{one}{end}" in environment]
    return [one for one in found if _flag(environment, f"{start}{one}_AUTO")]


def _value(environment: dict[str, str], name: str) -> str:
    """A variable, or what the file it names holds, to the last byte."""
    file = environment.get(f"{name}__FILE")
    return Path(file).read_text(encoding="utf-8") if file else environment.get(name, "")


def _flag(environment: dict[str, str], name: str) -> bool:
    return environment.get(name, "true").lower() == "true"
