"""A service of the household's own, whose updates are this check's business alone.

A user's service in the form of the settings: cheap, quickly healthy, with a database, and in no
registry but while a case needs it, so that no other box takes its versions for updates. Versions
are stand-ins under its name; what is wrong with one is baked in.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from catalog.common import LINUXSERVER
from checks import box, checkout, runtime
from checks.framework import CheckError, Context
from sandbox import images, names, registry

SERVICE, STACK = "lidarr", "media"
REPOSITORY = "ghcr.io/linuxserver/lidarr"
FIRST = "2.20.0"
PORT, ADDRESS = 8686, 77
CONFIG = f"/srv/mediastack/config/{SERVICE}"
DATABASES = (f"{SERVICE}.db", "logs.db")
STATE = "/var/lib/mediastack"
CAUGHT_UP_SECONDS = 60.0
OWN: dict[str, Any] = {
    "summary": "Versions that are updated to and back",
    "image": REPOSITORY,
    "tag": FIRST,
    "stack": STACK,
    "zone": "bridge",
    "address": ADDRESS,
    "port": PORT,
    "identity": "linuxserver",
    "capabilities": list(LINUXSERVER),
    "config_path": "/config",
    "databases": list(DATABASES[:1]),
    "state_exclude": ["logs"],
    "stop_grace": 10,
    "updates": "auto",
    "update_deadline": 60,
    "health": {
        "test": ["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{PORT}/ping"],
        "interval": 1,
        "timeout": 3,
        "retries": 2,
        "start_period": 30,
    },
}
UPDATES = {"stable_seconds": 2}


@dataclass(frozen=True)
class Version:
    """An image of a service: "repository:tag" under the mirror, and its index digest."""

    image: str
    digest: str

    @property
    def reference(self) -> str:
        """As compose files name it."""
        return f"{self.image}@{self.digest}"


@contextlib.contextmanager
def served(
    tag: str, *, repository: str = REPOSITORY, key: str = SERVICE, **environment: str
) -> Iterator[Version]:
    """A version that the registry has while the context lasts; `environment`: what ails it."""
    version = publish(tag, repository=repository, key=key, environment=environment)
    try:
        yield version
    finally:
        withdraw(version)


def publish(
    tag: str,
    *,
    repository: str = REPOSITORY,
    key: str = SERVICE,
    environment: Mapping[str, str] | None = None,
) -> Version:
    """Serve a version. Raise SandboxError."""
    digest = images.publish(f"{repository}:{tag}", key, environment=environment)
    return Version(f"{names.REGISTRY}/{repository}:{tag}", digest)


def withdraw(version: Version) -> None:
    """The registry has it no more (nor any other tag of the same digest)."""
    repository, _, tag = version.image.removeprefix(f"{names.REGISTRY}/").rpartition(":")
    registry.forget(repository, version.digest)
    if registry.digest(repository, tag):
        raise CheckError(f"the registry still serves {version.image}")


@contextlib.contextmanager
def with_service(source: Path, **changes: Any) -> Iterator[Path]:
    """A copy of the checkout whose sandbox has that service; `changes` to its settings."""
    with checkout.frozen(source) as sources:
        file = sources / "sandbox" / "settings.toml"
        file.write_text(settings(file.read_text(encoding="utf-8"), **changes), encoding="utf-8")
        yield sources


def settings(text: str, **changes: Any) -> str:
    """The sandbox's settings with that service."""
    found = tomllib.loads(text)
    found["updates"] = {**found.get("updates", {}), **UPDATES}
    found["services"] = {**found.get("services", {}), SERVICE: {**OWN, **changes}}
    return tomli_w.dumps(found)


def deploy(context: Context, sources: Path) -> None:
    """Deploy this house and wait until the service is healthy."""
    done = box.deploy(context.box, sources=sources)
    if done.failed:
        raise CheckError(f"the deploy with {SERVICE} failed: {done.failed}")
    wait_until_healthy(context)


def wait_until_healthy(context: Context, seconds: float = CAUGHT_UP_SECONDS) -> None:
    """Until the service runs and is healthy. Raise CheckError."""

    def missing() -> str:
        found = runtime.look(context.box)["containers"].get(SERVICE, {})
        is_well = (found.get("status"), found.get("health")) == ("running", "healthy")
        return "" if is_well else f"{found.get('status', 'absent')}, {found.get('health', '')}"

    runtime.wait_until(f"{SERVICE} is healthy", missing, seconds)


def state(context: Context, *, mark: str = "") -> dict[str, Any]:
    """How the service stands (inside/update_state.py); `mark`: a row that is added first."""
    found: dict[str, Any] = box.inside(
        context.box,
        "update_state",
        service=SERVICE,
        config=CONFIG,
        stack=STACK,
        databases=list(DATABASES),
        port=PORT,
        mark=mark,
    )
    return found


def forget_refused(context: Context) -> None:
    """Digests that were found bad may be tried again, by the next case."""
    box.run(context.box, f"rm -f {STATE}/updater/refused.json")


def forget_service(context: Context) -> None:
    """After the deploy that removed it: its config, its copies, its entry in the image lock."""
    program = (
        f"import json, os; path = {STATE + '/images.lock'!r}; lock = json.load(open(path));"
        f" lock['services'].pop({SERVICE!r}, None); temporary = path + '.check';"
        " json.dump(lock, open(temporary, 'w'), indent=2, sort_keys=True);"
        " os.replace(temporary, path)"
    )
    copies = f"{CONFIG.rpartition('/')[0]}/.mediastack-updates/{SERVICE}"
    box.run(context.box, f"rm -rf {CONFIG} {copies} && python3 -", stdin=program)
    forget_refused(context)


def shown(found: Mapping[str, Any]) -> str:
    """A state in one short line."""
    return json.dumps(found, default=str)[:400]
