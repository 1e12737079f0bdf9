"""The house that burns down, and the boxes that it comes back on.

A box of the check's own is deployed, lived in and backed up to a directory that stands for a disk:
it is carried out before the box is removed, and carried into each new one. New boxes differ in all
that a rebuild promises to cope with: name, address, the numbers of the user and the group. One of
the services runs an image that no catalog names, which is in the registry by its digest alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

import host_settings
import render
from checks import box, ground, runtime
from checks.box import Host
from checks.framework import CheckError, Context
from sandbox import lifecycle, names, registry, secrets_file, state, variants
from settings import Settings

DISK = "/mnt/usb"
REPOSITORY = f"{DISK}/restic"
# A disk of its own: what lies beside the configs is no place for a backup.
PLUG_IN = f"mkdir -p {DISK} && mount -t tmpfs -o mode=0755 usb {DISK}"
PROGRAM = "/opt/mediastack/bin/mediastack"
SECRETS = "/etc/mediastack/secrets"
PASSWORD_FILE = f"{SECRETS}/backup/repository_password"
USER_KEY = "gluetun/wireguard_private_key"
RECORD = "/var/lib/mediastack/rebuild.json"
HERE = {"puid": 1500, "pgid": 1600, "user": "films", "group": "films"}
ROWS, TORRENTS = 20, 6
UPDATED = "seerr"
BACKUP_SECONDS = 300.0
ARRS = {"sonarr": "v3", "radarr": "v3", "prowlarr": "v1"}
RECORDED = f"""
import sys
sys.path.insert(0, "/opt/mediastack/lib")
from mediastack import image_lock
image_lock.record("{UPDATED}", *sys.argv[1:])
"""
# Kinds of files that a copy gets wrong, in the state of an app.
ODD = """
set -eu
cd /srv/mediastack/config/sonarr
mkdir -p odd/'a b' && echo one >odd/'a b'/'*?[x]' && ln -s ../config.xml odd/link
ln odd/'a b'/'*?[x]' odd/second-name && echo root >odd/of-root && chmod 0600 odd/of-root
chown -R --reference=. odd && chown 0:0 odd/of-root && chmod 2750 odd && chmod 0604 odd/second-name
python3 -c "import os; os.setxattr('odd/second-name', 'user.check', b'kept')"
touch -d '2019-01-02 03:04:05.678901234' odd/second-name odd/of-root
echo '<Preferences MachineIdentifier="disaster" ProcessedMachineIdentifier="check"/>' \\
  >"/srv/mediastack/config/plex/Library/Application Support/Plex Media Server/Preferences.xml"
"""


@dataclass
class Burnt:
    """What is known of the house that is gone; `facts` is house_state's answer, `kept` that of
    house_rows, `stable` the files that were the same before and after the backup."""

    facts: dict[str, Any]
    kept: dict[str, Any]
    stable: dict[str, list[Any]]
    password: str
    settings: Settings


def configure(context: Context, name: str, own: dict[str, Any], secrets: dict[str, Any]) -> None:
    """Let the next boxes be deployed with these settings over the sandbox's, and these secrets."""
    folder = Path(context.resources.enter_context(tempfile.TemporaryDirectory()))
    sandbox = tomllib.loads((state.ROOT / "sandbox/settings.toml").read_text(encoding="utf-8"))
    for section, values in own.items():
        sandbox[section] = {**sandbox.get(section, {}), **values}
    settings, given = folder / f"{name}.toml", folder / f"{name}-secrets.toml"
    settings.write_text(tomli_w.dumps(sandbox), encoding="utf-8")
    given.touch(mode=0o600)
    given.write_text(tomli_w.dumps(secrets), encoding="utf-8")
    os.environ["MEDIASTACK_SANDBOX_SETTINGS"] = str(settings)
    os.environ[secrets_file.OTHER_FILE] = str(given)


def present_settings() -> Settings:
    """The settings that are in force now."""
    return host_settings.load(
        os.environ["MEDIASTACK_SANDBOX_SETTINGS"], os.environ[secrets_file.OTHER_FILE]
    )


def bare(context: Context, name: str) -> Host:
    """A new box that nothing was ever deployed to."""
    lifecycle.down(name, assume_yes=True)
    context.resources.callback(lifecycle.down, name, assume_yes=True)
    host = context.resources.enter_context(box.opened(name))
    context.control("a bare box", not box.succeeds(host, "test -e /opt/mediastack"))
    return host


def remove(host: Host) -> None:
    """The box is gone, with its disks."""
    box.hang_up(host)
    lifecycle.down(host.name, assume_yes=True)


def live_in(context: Context, host: Host) -> dict[str, Any]:
    """Rows in every app that has a database, torrents, odd files, an image of no catalog."""
    repository, tag = runtime.services()[UPDATED].image, runtime.services()[UPDATED].tag
    number = str(context.random.getrandbits(64))
    change = variants.with_environment({"STANDIN_DISASTER": number})
    digest = variants.derive_without_tag(repository, tag, change)
    context.resources.callback(registry.forget, repository, digest)
    box.run(host, f"python3 - {names.REGISTRY}/{repository}:{tag} {digest}", stdin=RECORDED)
    box.deploy(host)
    runtime.wait_until_well(host, ground.SETTLE_SECONDS)
    box.run(host, ODD)
    texts = {
        name: [f"{name} {context.random.getrandbits(128):x}" for _ in range(ROWS)]
        for name in with_rows()
    }
    titles = [f"film-{context.random.getrandbits(64):x}" for _ in range(TORRENTS)]
    return look_in(host, texts, titles)


def with_rows() -> dict[str, int]:
    """Port of every app that takes rows."""
    return {
        name: one.port
        for name, one in runtime.services().items()
        if one.databases and one.port is not None
    }


def look_in(
    host: Host, texts: dict[str, list[str]] | None = None, titles: list[str] | None = None
) -> dict[str, Any]:
    """What the apps say that they have, after these were put in."""
    toml = tomllib.loads(box.run(host, "cat /etc/mediastack/mediastack.toml"))
    ports = {name: toml["services"][name]["published_port"] for name in ARRS}
    found: dict[str, Any] = box.inside(
        host,
        "house_rows",
        ports=with_rows(),
        texts=texts or {},
        vpn=toml["vpn"],
        names=titles or [],
        arrs={name: [ports[name], version] for name, version in ARRS.items()},
        address=host.box.address,
    )
    return found


def back_up(context: Context, host: Host, into: Path) -> Burnt:
    """Back up, note what there is, and carry the disk out."""
    kept = live_in(context, host)
    before = box.inside(host, "house_state")
    box.run(host, f"{PROGRAM} backup", timeout=BACKUP_SECONDS)
    runtime.wait_until_well(host, ground.SETTLE_SECONDS)
    facts = box.inside(host, "house_state")
    if before["databases"] != facts["databases"]:
        raise CheckError("somebody else wrote into the databases of the house")
    stable = {p: one for p, one in facts["files"].items() if before["files"].get(p) == one}
    password = box.run(host, f"cat {PASSWORD_FILE}")
    with (into / "disk.tar").open("wb") as stream:
        subprocess.run(
            [*box.arguments(host), f"tar -C {DISK} -cf - restic"], stdout=stream, check=True
        )
    context.figure("bytes_carried", (into / "disk.tar").stat().st_size)
    return Burnt(facts, kept, stable, password, present_settings())


def carry_in(host: Host, disk: Path) -> None:
    """The disk is plugged into the new box."""
    with disk.open("rb") as stream:
        command = f"{PLUG_IN} && tar -C {DISK} -xf -"
        subprocess.run([*box.arguments(host), command], stdin=stream, check=True)


def owners(before: Settings, now: Settings, service: str) -> tuple[dict[int, int], dict[int, int]]:
    """Numbers of users and of groups, there -> here, of one service."""
    one, other = before.services.get(service), now.services.get(service)
    if one is None or other is None:
        return {}, {}
    (uid, gid), (new_uid, new_gid) = render.owner_ids(before, one), render.owner_ids(now, other)
    return {uid: new_uid}, {gid: new_gid}


def said(document: str) -> dict[str, Any]:
    """The last line of a recorder, as what it is. Raise CheckError when it said nothing."""
    lines = document.strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise CheckError(f"the recorder in the box said nothing: {document[-300:]}") from error
    return found
