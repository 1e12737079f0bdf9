"""The wanted state of one box as plain files, for the playbook and the script to put in place.

They get for nothing what our deploy works out in every run: settings are validated, templates are
rendered and the preflight is done here, before the clock runs. In the directory, which nobody but
the user can enter:

  tree.tar.gz    managed files, directories and links with owner, mode and one fixed time; without
                 daemon.json, and without directories that shall stay as they are found
  daemon.json    Docker's configuration: when it changes, Docker must be restarted
  wanted.json    packages, account, network, units, environment, as Ansible's variables
  wanted.sh      the same for a shell
  secrets.json   what the host's `secrets-apply` takes on stdin (0600: the VPN's key is in it)
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shlex
import tarfile
from pathlib import Path
from typing import Any

import distributions
import host_configuration
import layout
import render
from facts import program
from layout import Entry
from remote import tree
from sandbox import box as sandbox_box
from sandbox.command import run
from sandbox.state import Box
from settings import Settings, gateway
from tasks import preflight

DAEMON_JSON = "/etc/docker/daemon.json"
RECORD = f"{host_configuration.STATE}/managed.json"
# tar compares times too, so they must not change from one export to the next (2025-01-01).
FILE_TIME = 1735689600
KINDS = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}


def host_facts(box: Box, settings: Settings) -> dict[str, Any]:
    """What our preflight sees on the box. Raise SandboxError."""
    asked = program("preflight", "check", {"paths": preflight.paths(settings)})
    said = run([*sandbox_box.ssh_arguments(box), "python3 -"], text_input="\n".join(asked) + "\n")
    facts: dict[str, Any] = json.loads(said.stdout)
    return facts


def record(entries: list[Entry]) -> Entry:
    """Our deploy's record of what it placed, so that the trees are alike to the last file."""
    due = tree.due_record({"record": RECORD, "entries": entries}, {})
    return layout.file(RECORD, json.dumps(due, indent=1, sort_keys=True), "0600")


def archive(entries: list[Entry]) -> bytes:
    """A tar of the entries, compressed; the same entries give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for entry in entries:
            if entry.get("as_found"):
                continue
            member = tarfile.TarInfo(entry["path"].lstrip("/"))
            member.type = KINDS[entry["kind"]]
            member.mode = int(entry["mode"], 8)
            member.uid, member.gid, member.mtime = entry["uid"], entry["gid"], FILE_TIME
            member.linkname = entry.get("target", "")
            content = base64.b64decode(entry.get("content", ""))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def wanted(
    settings: Settings, config: dict[str, Any], packages: tuple[str, ...], python: list[int]
) -> dict[str, Any]:
    """What is not a file, by the names that playbook and script use. Lists hold plain words."""
    lock_hash = hashlib.sha256(layout.HOST_LOCK.read_bytes()).hexdigest()
    return {
        "host_packages": list(packages),
        "host_user": settings.host.user,
        "host_group": settings.host.group,
        "host_uid": settings.host.puid,
        "host_gid": settings.host.pgid,
        "bridge_name": render.NETWORK,
        "bridge_subnet": settings.network.subnet,
        "bridge_gateway": gateway(settings),
        "program": host_configuration.PROGRAM,
        "environment_name": f"venv-{lock_hash[:12]}-python{python[0]}.{python[1]}",
        "units": [unit["name"] for unit in config["units"]],
    }


def as_shell(values: dict[str, Any]) -> str:
    """The values as assignments; a list is one word with blanks between its items."""
    lines = []
    for name, value in values.items():
        text = " ".join(value) if isinstance(value, list) else str(value)
        lines.append(f"{name}={shlex.quote(text)}\n")
    return "".join(lines)


def secrets(
    settings: Settings, config: dict[str, Any], entries: list[Entry]
) -> dict[str, dict[str, Any]]:
    """What `mediastack secrets-apply` takes, as tasks/programs.py sends it."""
    names = {one["template"] for one in config["secret_files"]}
    return {
        "config": config,
        "templates": {one["path"]: one["text"] for one in entries if one["path"] in names},
        "values": {name: value.get_secret_value() for name, value in settings.secrets.items()},
    }


def write(path: Path, content: bytes) -> None:
    """A file that is 0600 from its first byte."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)


def export(box: Box, settings: Settings, directory: Path) -> None:
    """Fill `directory` for one box. Raise SandboxError, or ValueError for an unfit box."""
    facts = host_facts(box, settings)
    distribution = distributions.find(facts["os_release"])
    if distribution is None or settings.network.ipv6_subnet:
        raise ValueError(f"box {box.name}: only supported distributions, and no IPv6 subnet")
    packages = distributions.packages(distribution, settings.docker.source)
    chosen = settings.network.bind_address
    entries, config = layout.build(
        settings,
        host_name=facts["host_name"],
        bind_address=facts["default_address"] if chosen == "auto" else chosen,
        daemon=json.loads(facts["daemon_json"] or "{}"),
        data_is_mount=facts["places"]["data"]["is_mount"],
        packages=packages,
    )
    daemon = next(one for one in entries if one["path"] == DAEMON_JSON)
    files = [one for one in entries if one is not daemon]
    values = wanted(settings, config, packages, facts["python"])
    directory.chmod(0o700)
    write(directory / "tree.tar.gz", archive([*files, record(entries)]))
    write(directory / "daemon.json", base64.b64decode(daemon["content"]))
    write(directory / "wanted.json", json.dumps(values, indent=1).encode())
    write(directory / "wanted.sh", as_shell(values).encode())
    write(directory / "secrets.json", json.dumps(secrets(settings, config, entries)).encode())
