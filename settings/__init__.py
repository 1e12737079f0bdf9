"""Settings: defaults (group_data/all.py), catalog and the user's own files, validated as one.

`load` reads everything before the first connection and reports every mistake at once, each as one
line `file: path: what is wrong; fix: how to mend it`. Tables are validated one by one, so a
mistake in one does not hide those in another; the checks across tables run on whatever is valid.
The user's files are settings.local.toml and secrets.toml beside deploy.py; git ignores them.
"""

from __future__ import annotations

import ipaddress
import os
import re
import runpy
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from service import Secret, Service
from settings import (
    checks,
    checks_backup,
    checks_disk,
    checks_gluetun,
    checks_network,
    checks_updates,
    checks_vpn,
    overrides,
    placement,
    user_secrets,
)
from settings.model import SECTIONS, Backup, Notify, Parts, Settings
from settings.overrides import validated
from settings.problems import Problem, SettingsError, from_pydantic, shown, unknown

__all__ = [
    "Settings",
    "SettingsError",
    "address",
    "enabled",
    "gateway",
    "image",
    "ipv6_address",
    "live_secrets",
    "load",
    "misplaced",
]

ROOT = Path(__file__).resolve().parent.parent
SETTINGS_FILE = ROOT / "settings.local.toml"
SECRETS_FILE = ROOT / "secrets.toml"
DEFAULTS_FILE = ROOT / "group_data" / "all.py"
CHECKS = (
    *checks.CHECKS,
    *checks_network.CHECKS,
    *checks_vpn.CHECKS,
    *checks_gluetun.CHECKS,
    *checks_updates.CHECKS,
    *checks_backup.CHECKS,
    *checks_disk.CHECKS,
)


def load(
    settings_file: Path = SETTINGS_FILE,
    secrets_file: Path = SECRETS_FILE,
    *,
    host: str = "",
    environment: Mapping[str, str] = os.environ,
    defaults: Path = DEFAULTS_FILE,
) -> Settings:
    """Return the settings; raise SettingsError with every problem found. Absent files are empty.

    `host`: with what `[hosts.<host>]` changes for that host of the inventory.
    """
    problems: list[Problem] = []
    written = _parse(settings_file, problems)
    tables = placement.tables(written, problems)
    table = tables.get(host, {})
    own = placement.laid_over(written, table)
    sections = _sections(_defaults(defaults), own, problems, defaults)
    changes = own.get("services", {})
    if not isinstance(changes, dict):
        problems.append(Problem("services", "must be a table", "write [services.<name>]"))
        changes = {}
    services, broken = overrides.merge(changes, problems)
    backup = sections.get("backup")
    remotes = backup.remotes if isinstance(backup, Backup) else ()
    secrets, unsure = user_secrets.read(
        secrets_file, environment, services, broken, problems, remotes
    )
    if tables:
        services = placement.placed(services, table)
        notify = sections.get("notify")
        server = notify.server if isinstance(notify, Notify) else "unknown"
        secrets = placement.own_secrets(secrets, services, server)
    parts = Parts(sections, services, broken, changes, secrets, unsure, secrets_file.name)
    for check in CHECKS:
        problems.extend(check(parts))
    if problems:
        told = [placement.blamed(problem, host, table) for problem in problems]
        raise SettingsError([problem.line(settings_file.name) for problem in told])
    return Settings.model_validate({**sections, "services": services, "secrets": secrets})


def misplaced(settings_file: Path, hosts: list[str]) -> list[str]:
    """Return the problems of `[hosts.<name>]` tables that only all hosts together show."""
    tables = placement.tables(_parse(settings_file, []), [])
    found = placement.across(tables, hosts)
    return [problem.line(settings_file.name) for problem in found]


def enabled(settings: Settings) -> dict[str, Service]:
    """Return the services that shall run, in the catalog's order."""
    return {name: service for name, service in settings.services.items() if service.enabled}


def image(settings: Settings, service: Service) -> str:
    """Return the image reference to pull: through the mirror when there is one."""
    reference = f"{service.image}:{service.tag}"
    mirror = settings.registry.mirror
    return f"{mirror}/{reference}" if mirror else reference


def gateway(settings: Settings) -> str:
    """Return the host's address on the bridge: the first of the subnet."""
    return str(ipaddress.IPv4Network(settings.network.subnet)[1])


def address(settings: Settings, service: Service) -> str:
    """Return a service's address on the bridge, "" when it has none."""
    if service.address is None or service.zone != "bridge":
        return ""
    return str(ipaddress.IPv4Network(settings.network.subnet)[service.address])


def ipv6_address(settings: Settings, service: Service) -> str:
    """Return a service's IPv6 address on the bridge, "" when it or the bridge has none."""
    if service.address is None or service.zone != "bridge" or not settings.network.ipv6_subnet:
        return ""
    return str(ipaddress.IPv6Network(settings.network.ipv6_subnet)[service.address])


def live_secrets(settings: Settings, service: Service) -> tuple[Secret, ...]:
    """Return the secrets a service has: not copies of a disabled service's, nor what the user may
    give and did not (a file that does not exist cannot be mounted)."""
    running = enabled(settings)
    return tuple(
        secret
        for secret in service.secrets
        if (secret.origin != "copy" or secret.source.partition("/")[0] in running)
        and (
            secret.origin != "user"
            or secret.required
            or f"{service.name}/{secret.name}" in settings.secrets
        )
    )


def _parse(file: Path, problems: list[Problem]) -> dict[str, Any]:
    """Return the user's settings; an absent file is empty."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(Problem("", f"cannot be read ({error.strerror})", f"chmod u+r {file.name}"))
    except UnicodeDecodeError:
        problems.append(Problem("", "is not UTF-8 text", "save it as UTF-8"))
    except tomllib.TOMLDecodeError as error:
        # The message ends in "(at line 3, column 9)" and quotes at most one character or a key.
        line = re.search(r"\(at (.*)\)$", str(error))
        where = line.group(1) if line else "the end"
        reason = re.sub(r" \(at .*\)$", "", str(error))
        problems.append(
            Problem("", f"is not valid TOML at {where}: {reason}", 'text needs quotes, like "x"')
        )
    return {}


def _defaults(file: Path) -> dict[str, Any]:
    """Return the tables that group_data/all.py defines."""
    return {name: value for name, value in runpy.run_path(str(file)).items() if name in SECTIONS}


def _sections(
    defaults: Mapping[str, Any], own: Mapping[str, Any], problems: list[Problem], file: Path
) -> dict[str, BaseModel]:
    """Return the tables that are valid, each with the user's values over the defaults."""
    for key in own.keys() - SECTIONS.keys() - {"services"}:
        problems.append(unknown(key, [*SECTIONS, "services", "hosts"]))
    sections: dict[str, BaseModel] = {}
    for name, model in SECTIONS.items():
        table = own.get(name, {})
        if not isinstance(table, dict):
            problems.append(
                Problem(name, f"must be a table, not {shown(table)}", f"write [{name}]")
            )
            continue
        try:
            sections[name] = validated(model, {**defaults.get(name, {}), **table})
        except ValidationError as error:
            for problem in from_pydantic(error, name, model.model_fields):
                users = any(problem.path.startswith(f"{name}.{key}") for key in table)
                problems.append(problem if users else problem._replace(file=file.name))
    return sections
