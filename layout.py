"""The managed tree: every file and directory the deploy places, as entries of remote/tree.py.

Pure: settings, what the preflight saw, and the sources in this checkout go in; entries come out.
Directories that hold the user's data or the apps' state are marked `keep`: they are made and
owned, but never removed, also when their service leaves the catalog.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli_w

import backup_configuration
import docker_configuration
import door_configuration
import host_configuration as configuration
import monitor_configuration
import render
import vpn_configuration
from settings import Settings, enabled, gateway

Entry = dict[str, Any]
HERE = Path(__file__).parent
FILES = HERE / "files"
SERVICE_TEMPLATES = HERE / "templates" / "services"
WHEELS = HERE / ".cache" / "wheelhouse"
HOST_LOCK = HERE / "requirements-host.lock"
UNIT_DIRECTORY = "/etc/systemd/system"
MEDIA_KINDS = ("books", "movies", "music", "tv")
PROGRAM = configuration.PROGRAM
ENTRY_POINT = f"{PROGRAM}/bin/mediastack"

SENTINEL_TEXT = """\
This file tells the Homelab Media Stack that its media disk is mounted. Without it no container
that uses /data is started, and running ones are stopped. Please leave it where it is.
"""
WRAPPER = f"""\
#!/bin/sh
# The host programs, in their own virtual environment; their bytecode beside the tree, not in it.
export PYTHONPATH={PROGRAM}/lib PYTHONPYCACHEPREFIX={configuration.RUNTIME}/bytecode
exec {PROGRAM}/venv/bin/python -m mediastack "$@"
"""


def directory(path: str, mode: str, uid: int = 0, gid: int = 0, *, keep: bool = False) -> Entry:
    """A directory with exactly this mode and owner."""
    entry = {"path": path, "kind": "directory", "mode": mode, "uid": uid, "gid": gid}
    return {**entry, "keep": keep}


def file(path: str, content: str | bytes, mode: str = "0644", *, keep: bool = False) -> Entry:
    """A root-owned file. Text keeps its text beside it, for --diff."""
    raw = content.encode() if isinstance(content, str) else content
    entry: Entry = {
        "path": path,
        "kind": "file",
        "mode": mode,
        "uid": 0,
        "gid": 0,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "content": base64.b64encode(raw).decode(),
        "keep": keep,
    }
    if isinstance(content, str):
        entry["text"] = content
    return entry


def as_found(path: str) -> Entry:
    """A directory on the way to one of ours: whose it is and its mode are the user's choice."""
    return {**directory(path, "0755", keep=True), "as_found": True}


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return {
        "path": path,
        "kind": "link",
        "target": target,
        "mode": "0777",
        "uid": 0,
        "gid": 0,
        "keep": False,
    }


def package() -> dict[str, bytes]:
    """The host package's sources by path below lib/."""
    sources = sorted((FILES / "mediastack").rglob("*.py"))
    return {str(source.relative_to(FILES)): source.read_bytes() for source in sources}


def data_directories(settings: Settings) -> Iterator[Entry]:
    """/data as hardlinks like it: torrents, usenet and media on one mount."""
    uid, gid, root = settings.host.puid, settings.host.pgid, settings.storage.data
    branches = ["torrents", "torrents/cross-seed", "usenet", "usenet/incomplete", "usenet/complete"]
    branches.append("media")
    for trunk in ("torrents", "usenet/complete", "media"):
        branches += [f"{trunk}/{kind}" for kind in MEDIA_KINDS]
    yield directory(root, "0775", uid, gid, keep=True)
    for branch in branches:
        yield directory(f"{root}/{branch}", "0775", uid, gid, keep=True)
    yield file(f"{root}/{render.SENTINEL}", SENTINEL_TEXT, "0444", keep=True)


def parents(path: str) -> list[str]:
    """A path's directories from the top, without the root."""
    return [str(parent) for parent in reversed(Path(path).parents)][1:]


def state_directories(settings: Settings) -> Iterator[Entry]:
    """Where the apps and our programs keep what must survive."""
    storage = settings.storage
    places = (storage.config, storage.backups, storage.data)
    for parent in sorted({parent for place in places for parent in parents(place)}):
        yield as_found(parent)
    yield directory(settings.storage.config, "0755", keep=True)
    yield directory(settings.storage.backups, "0700", keep=True)
    yield directory(configuration.STATE, "0700", keep=True)
    for service in enabled(settings).values():
        if service.config_path:
            uid, gid = render.owner_ids(settings, service)
            # Apps write their own files with modes of their own: the door is here.
            path = f"{settings.storage.config}/{service.name}"
            yield directory(path, "0700", uid, gid, keep=True)
            if service.owner:
                # Gluetun writes its forwarded port there, and does not make the directory.
                yield directory(vpn_configuration.directory(settings), "0700", uid, gid, keep=True)


def mount_unit(path: str) -> str:
    """systemd's name for the mount of a path (systemd-escape --path --suffix=mount)."""
    plain = path.strip("/").replace("/", "\0")
    escaped = "".join(
        one
        if one in "\0_." or (one.isascii() and one.isalnum())
        else "".join(f"\\x{byte:02x}" for byte in one.encode())
        for one in plain
    )
    return escaped.replace("\0", "-") + ".mount"


def unit_placeholders(
    settings: Settings, release: str, secrets: list[dict[str, Any]]
) -> dict[str, str]:
    """What the units are told of this release and this host."""
    return {
        "RELEASE": release,
        "DATA_MOUNT": mount_unit(settings.storage.data),
        "CONFIG": settings.storage.config,
        "BACKUPS": settings.storage.backups,
        "BACKUP_REMOTES": backup_configuration.directories(settings),
        "METRICS_PORT": str(settings.monitor.metrics_port),
        "MONITOR_NETWORK": monitor_configuration.network(settings),
        **door_configuration.placeholders(settings, secrets),
    }


def programs(
    placeholders: dict[str, str], unwanted: frozenset[str] = frozenset()
) -> Iterator[Entry]:
    """The host programs: sources, wheels, command line, units (but for unwanted ones)."""
    yield directory(PROGRAM, "0755")
    for name in ("bin", "lib", "stacks", "templates", "wheels"):
        yield directory(f"{PROGRAM}/{name}", "0755")
    sources = package()
    for parent in sorted({str(Path(name).parent) for name in sources}):
        yield directory(f"{PROGRAM}/lib/{parent}", "0755")
    for name, content in sources.items():
        yield file(f"{PROGRAM}/lib/{name}", content.decode())
    for wheel in sorted(WHEELS.glob("*.whl")):
        yield file(f"{PROGRAM}/wheels/{wheel.name}", wheel.read_bytes())
    yield file(f"{PROGRAM}/requirements.lock", HOST_LOCK.read_text(encoding="utf-8"))
    yield file(ENTRY_POINT, WRAPPER, "0755")
    manage = (FILES / "stack-manage.sh").read_text(encoding="utf-8")
    yield file(f"{PROGRAM}/bin/stack-manage.sh", manage, "0755")
    for part in ("stacks", "words"):
        text = (FILES / f"stack-manage.{part}.sh").read_text(encoding="utf-8")
        yield file(f"{PROGRAM}/bin/stack-manage.{part}.sh", text)
    yield link("/usr/local/sbin/stack-manage.sh", f"{PROGRAM}/bin/stack-manage.sh")
    yield directory("/etc/bash_completion.d", "0755", keep=True)
    completion = (FILES / "stack-manage.completion.bash").read_text(encoding="utf-8")
    yield file("/etc/bash_completion.d/stack-manage", completion)
    for unit in sorted((FILES / "systemd").iterdir()):
        if unit.name in unwanted:
            continue
        text = unit.read_text(encoding="utf-8")
        for name, value in placeholders.items():
            text = text.replace(f"@{name}@", value)
        yield file(f"{UNIT_DIRECTORY}/{unit.name}", text)
    tmpfiles = (FILES / "tmpfiles" / "mediastack.conf").read_text(encoding="utf-8")
    yield file("/etc/tmpfiles.d/mediastack.conf", tmpfiles)
    yield directory(configuration.RUNTIME, "0755")


def service_templates(settings: Settings) -> Iterator[Entry]:
    """Configuration templates with placeholders where secrets go."""
    for service in enabled(settings).values():
        if service.files:
            yield directory(f"{configuration.TEMPLATES}/{service.name}", "0755")
        for one in service.files:
            name = Path(one.target).name
            text = template_text(settings, service.name, one.template)
            yield file(f"{configuration.TEMPLATES}/{service.name}/{name}", text)


def template_text(settings: Settings, service: str, template: str) -> str:
    """A service's configuration file, all but its secrets."""
    loaded = render.environment().get_template(f"services/{template}")
    services = enabled(settings)
    door = f"{gateway(settings)}:{settings.updates.port}"
    return loaded.render(service=services[service], services=services, settings=settings, door=door)


def gluetun_environment(settings: Settings) -> str:
    """/etc/mediastack/gluetun.env: how to reach the VPN; the key is a mounted file."""
    template = render.environment().get_template("gluetun.env.j2")
    return template.render(settings=settings, vpn=settings.vpn, gateway=gateway(settings))


def stack_files(settings: Settings, rendered: dict[str, dict[str, str]]) -> Iterator[Entry]:
    """A directory and a compose file per stack that has a service."""
    for stack, blocks in rendered.items():
        if blocks:
            yield directory(f"{PROGRAM}/stacks/{stack}", "0755")
            text = render.compose(settings, stack, blocks)
            yield file(f"{PROGRAM}/stacks/{stack}/compose.yaml", text)


def build(
    settings: Settings,
    *,
    host_name: str,
    bind_address: str,
    daemon: dict[str, Any],
    data_is_mount: bool,
    packages: tuple[str, ...] = (),
) -> tuple[list[Entry], dict[str, Any]]:
    """All entries, and the configuration that mediastack.toml holds."""
    release = configuration.release(package())
    values = render.context(settings, bind_address, host_name)
    gluetun = gluetun_environment(settings)
    rendered = {
        stack: render.blocks(settings, stack, values, {"gluetun.env": gluetun})
        for stack in configuration.STACKS
    }
    config = configuration.build(
        settings,
        host_name=host_name,
        bind_address=bind_address,
        rendered=rendered,
        release=release,
    )
    entries = [
        *programs(
            unit_placeholders(settings, release, config["secrets"]),
            vpn_configuration.unwanted_units(settings)
            | monitor_configuration.unwanted_units(settings),
        ),
        directory(render.ETC, "0755"),
        directory(f"{render.ETC}/secrets", "0700", keep=True),
        file(f"{render.ETC}/gluetun.env", gluetun),
        *state_directories(settings),
        # A later preflight refuses to go on when /data was a mount once and is none now.
        file(
            f"{configuration.STATE}/data.json",
            json.dumps({"is_mount": data_is_mount}) + "\n",
            "0600",
            keep=True,
        ),
        *data_directories(settings),
        *service_templates(settings),
        *stack_files(settings, rendered),
        directory("/etc/docker", "0755", keep=True),
        file("/etc/docker/daemon.json", docker_configuration.daemon_json(settings, daemon)),
    ]
    config["packages"] = list(packages)
    config["files"] = [
        {key: entry[key] for key in ("path", "kind", "mode", "uid", "gid")}
        | {"sha256": entry.get("sha256", "")}
        | ({"target": entry["target"]} if entry["kind"] == "link" else {})
        for entry in entries
        if not entry.get("as_found")
    ]
    toml = file(f"{render.ETC}/mediastack.toml", tomli_w.dumps(config))
    # The program directories come first, their users' files last: order is creation order.
    return [*entries, toml], config
