"""Services whose updates are this check's business: one of the household's own, and real ones.

The own one is a user's service in the form of the settings: cheap, quickly healthy, with a
database, and its versions are in the registry only while a case needs them, so that no other box
takes them for updates. Versions are stand-ins; what is wrong with one is baked in.
"""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from catalog.common import LINUXSERVER
from checks import box, checkout, runtime
from checks.framework import CheckError, Context
from sandbox import images, names, registry
from service import Service

STATE = "/var/lib/mediastack"
TIMER = "mediastack-update.timer"
CONFIGS = "/srv/mediastack/config"
CAUGHT_UP_SECONDS = 60.0
UPDATES = {"stable_seconds": 1}


@dataclass(frozen=True)
class Subject:
    """A service that is updated; `played_by`: its stand-in; `port`: where it takes rows (0: it
    does not)."""

    name: str
    stack: str
    repository: str
    tag: str
    played_by: str
    databases: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    port: int = 0

    @property
    def config(self) -> str:
        """Where its state is."""
        return f"{CONFIGS}/{self.name}"


@dataclass(frozen=True)
class Version:
    """An image of a service: "repository:tag" under the mirror, and its index digest."""

    image: str
    digest: str

    @property
    def reference(self) -> str:
        """As compose files name it."""
        return f"{self.image}@{self.digest}"

    @property
    def tag(self) -> str:
        """The tag alone."""
        return self.image.rpartition(":")[2]


OWN = Subject(
    name="crate",
    stack="media",
    repository="ghcr.io/check/crate",
    tag="2.0.0",
    played_by="lidarr",
    databases=("lidarr.db", "logs.db"),
    left_out=("logs",),
    port=8686,
)
OWN_SETTINGS: dict[str, Any] = {
    "summary": "Versions that are updated to and back",
    "image": OWN.repository,
    "tag": OWN.tag,
    "stack": OWN.stack,
    "zone": "bridge",
    "address": 77,
    "port": OWN.port,
    "identity": "linuxserver",
    "capabilities": list(LINUXSERVER),
    "config_path": "/config",
    "databases": list(OWN.databases[:1]),
    "state_exclude": list(OWN.left_out),
    "stop_grace": 10,
    "updates": "auto",
    "update_deadline": 60,
    "health": {
        "test": ["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{OWN.port}/ping"],
        "interval": 1,
        "timeout": 3,
        "retries": 10,
        "start_period": 0,
    },
}


def of_catalog(service: Service) -> Subject:
    """A service of the catalog as a subject; no rows are added to it."""
    return Subject(
        name=service.name,
        stack=service.stack,
        repository=service.image,
        tag=service.tag,
        played_by=service.image.rsplit("/", 1)[-1],
        databases=service.databases,
        left_out=service.state_exclude,
    )


@contextlib.contextmanager
def served(subject: Subject, tag: str, **environment: str) -> Iterator[Version]:
    """A version that the registry has while the context lasts; `environment`: what ails it."""
    version = publish(subject, tag, **environment)
    try:
        yield version
    finally:
        withdraw(version)


def publish(subject: Subject, tag: str, **environment: str) -> Version:
    """Serve a version. Raise SandboxError."""
    reference = f"{subject.repository}:{tag}"
    digest = images.publish(reference, subject.played_by, environment=environment)
    return Version(f"{names.REGISTRY}/{reference}", digest)


def withdraw(version: Version) -> None:
    """The registry has it no more (nor any other tag of the same digest)."""
    repository, _, tag = version.image.removeprefix(f"{names.REGISTRY}/").rpartition(":")
    registry.forget(repository, version.digest)
    if registry.digest(repository, tag):
        raise CheckError(f"the registry still serves {version.image}")


@contextlib.contextmanager
def with_service(source: Path, **services: dict[str, Any]) -> Iterator[Path]:
    """A copy of the checkout whose sandbox has the own service; `services`: changes to any."""
    with checkout.frozen(source) as sources:
        file = sources / "sandbox" / "settings.toml"
        file.write_text(settings(file.read_text(encoding="utf-8"), services), encoding="utf-8")
        yield sources


def settings(text: str, services: dict[str, dict[str, Any]]) -> str:
    """The sandbox's settings with the own service and short times."""
    found = tomllib.loads(text)
    found["updates"] = {**found.get("updates", {}), **UPDATES}
    tables = {OWN.name: OWN_SETTINGS, **found.get("services", {})}
    for name, changes in services.items():
        tables[name] = {**tables.get(name, {}), **changes}
    found["services"] = tables
    return tomli_w.dumps(found)


def deploy(context: Context, sources: Path, subject: Subject = OWN) -> None:
    """Deploy this house and wait until the own service is healthy."""
    done = box.deploy(context.box, sources=sources)
    if done.failed:
        raise CheckError(f"the deploy with {subject.name} failed: {done.failed}")
    wait_until_healthy(context, subject)


def wait_until_healthy(
    context: Context, subject: Subject, seconds: float = CAUGHT_UP_SECONDS
) -> None:
    """Until the service runs and is healthy (or has no health check). Raise CheckError."""

    def missing() -> str:
        found = runtime.look(context.box)["containers"].get(subject.name, {})
        status, health = found.get("status", "absent"), found.get("health", "none")
        return (
            "" if status == "running" and health in ("healthy", "none") else f"{status}, {health}"
        )

    runtime.wait_until(f"{subject.name} is healthy", missing, seconds)


def state(context: Context, subject: Subject, *, mark: str = "") -> dict[str, Any]:
    """How the service stands (inside/update_state.py); `mark`: odd files, and a row, that are
    added first."""
    found: dict[str, Any] = box.inside(
        context.box,
        "update_state",
        service=subject.name,
        config=subject.config,
        stack=subject.stack,
        databases=list(subject.databases),
        port=subject.port,
        mark=mark,
    )
    return found


def wait_until_idle(context: Context) -> None:
    """Until no update is under way. Raise CheckError."""

    def missing() -> str:
        done = box.succeeds(context.box, f"test ! -e {STATE}/updater/inflight.json")
        return "" if done else "the journal is open"

    runtime.wait_until("no update is under way", missing, CAUGHT_UP_SECONDS)


@contextlib.contextmanager
def by_nobody_else(context: Context) -> Iterator[None]:
    """The timer's ten minutes may be over between the moment at which a version is there and the
    one at which it is watched."""
    with runtime.without_timer(context.box, TIMER):
        wait_until_idle(context)
        yield


def forget_refused(context: Context) -> None:
    """Digests that were found bad may be tried again, by the next case."""
    box.run(context.box, f"rm -f {STATE}/updater/refused.json")


def to_catalog(context: Context, subjects: Iterable[Subject]) -> None:
    """Lock these to the catalog's images, which the next deploy then runs, and let the updater
    know nothing of them any more."""
    wanted = {}
    for subject in subjects:
        image = f"{names.REGISTRY}/{subject.repository}:{subject.tag}"
        digest = registry.digest(subject.repository, subject.tag)
        wanted[subject.name] = {"image": image, "digest": digest, "recorded_at": ""}
    program = (
        "import json, os\n"
        f"wanted, top = json.loads({json.dumps(wanted)!r}), {STATE + '/'!r}\n"
        "for name in ('images.lock', 'updater/kept.json', 'updater/hints.json'):\n"
        "    if not os.path.exists(top + name):\n"
        "        continue\n"
        "    found = json.load(open(top + name))\n"
        "    for service, entry in wanted.items():\n"
        "        if name != 'images.lock':\n"
        "            found.pop(service, None)\n"
        "        elif service in found['services']:\n"
        "            found['services'][service] = entry\n"
        "    json.dump(found, open(top + name + '.check', 'w'), indent=2, sort_keys=True)\n"
        "    os.replace(top + name + '.check', top + name)\n"
    )
    box.run(context.box, "python3 -", stdin=program)
    forget_refused(context)


def forget(context: Context, services: Iterable[str]) -> None:
    """Image lock and updater know nothing of these, which a deploy has removed."""
    program = (
        "import json, os\n"
        "for name in ('images.lock', 'updater/kept.json', 'updater/hints.json'):\n"
        f"    path = {STATE + '/'!r} + name\n"
        "    if os.path.exists(path):\n"
        "        found = json.load(open(path))\n"
        f"        for service in {list(services)!r}:\n"
        "            found.get('services', found).pop(service, None)\n"
        "        json.dump(found, open(path + '.check', 'w'), indent=2, sort_keys=True)\n"
        "        os.replace(path + '.check', path)\n"
    )
    box.run(context.box, "python3 -", stdin=program)
    forget_refused(context)


def forget_own(context: Context) -> None:
    """After the deploy that removed it: its config, its copies, what is known of it."""
    box.run(context.box, f"rm -rf {OWN.config} {CONFIGS}/.mediastack-updates/{OWN.name}")
    forget(context, [OWN.name])


def withdraw_left(subject: Subject, numbers: Iterable[int] = ()) -> None:
    """What an earlier, killed run left in the registry: all versions of the own service, of
    another one those with these numbers."""
    tags = {bumped(subject.tag, by) for by in numbers}
    for tag in registry.tags(subject.repository):
        if subject == OWN or tag in tags:
            registry.forget(subject.repository, registry.digest(subject.repository, tag))


def bumped(tag: str, by: int) -> str:
    """A tag whose last number is so much higher."""
    return re.sub(r"(\d+)(\D*)$", lambda found: f"{int(found[1]) + by}{found[2]}", tag)


def shown(found: Any) -> str:
    """A state in one short line."""
    return json.dumps(found, default=str)[:400]
