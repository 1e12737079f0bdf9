"""What the host programs know about this house: /etc/mediastack/mediastack.toml.

The deploy renders that file from settings and catalog; nothing here is edited by hand and nothing
in it is secret. `load` is for programs that need the house, `paths` for the few places (ledger,
spool, lock) that have to work even before the first deploy has finished or when the file is
damaged, and therefore fall back to the default layout. MEDIASTACK_CONFIG names another file.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

if sys.version_info >= (3, 11):  # noqa: UP036 - Ubuntu 22.04 has 3.10
    import tomllib
else:
    import tomli as tomllib

DEFAULT_FILE = "/etc/mediastack/mediastack.toml"
SCHEMA = 1
TABLES = (
    *("host", "paths", "network", "notify", "limits", "stacks", "services", "vpn"),
    *("monitor", "updates", "backup", "disk"),
)
LISTS = ("secrets", "secret_files", "units", "files")
DEFAULT_PATHS = {
    "program": "/opt/mediastack",
    "etc": "/etc/mediastack",
    "state": "/var/lib/mediastack",
    "config": "/srv/mediastack/config",
    "backups": "/srv/mediastack/backups",
    "data": "/data",
    "runtime": "/run/mediastack",
    "sentinel": "/data/.mediastack-sentinel",
}


class ConfigError(Exception):
    """mediastack.toml is absent, unreadable or of another schema; the message says how to mend."""


def file() -> str:
    """Return the path of mediastack.toml: MEDIASTACK_CONFIG, else the deployed one."""
    return os.environ.get("MEDIASTACK_CONFIG") or DEFAULT_FILE


def load(path: str | None = None) -> dict[str, Any]:
    """Return the parsed mediastack.toml, absent tables as {} and absent lists as [].

    Raise ConfigError when it is missing, not TOML, or written for another schema.
    """
    path = path or file()
    try:
        with open(path, "rb") as stream:
            config: dict[str, Any] = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; run the deploy to write it") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); run the deploy again") from error
    if config.get("schema") != SCHEMA:
        raise ConfigError(
            f"{path}: schema is {config.get('schema')!r}, these programs read {SCHEMA}; "
            "run the deploy so that file and programs come from the same release"
        )
    for name in TABLES:
        config.setdefault(name, {})
    for name in LISTS:
        config.setdefault(name, [])
    config["paths"] = {**DEFAULT_PATHS, **config["paths"]}
    return config


def current(path: str | None = None) -> dict[str, Any]:
    """Return what load does, parsed again only when the file is another one: for those who work
    while a deploy may write it. Not to be changed. Raise ConfigError."""
    path = path or file()
    try:
        seen = os.stat(path)
    except OSError:
        return load(path)
    return _current(path, (seen.st_ino, seen.st_mtime_ns, seen.st_size))


def paths(path: str | None = None) -> dict[str, str]:
    """Return the [paths] table; the default layout when mediastack.toml cannot be read."""
    path = path or file()
    try:
        seen = os.stat(path)
        return dict(_paths(path, (seen.st_ino, seen.st_mtime_ns, seen.st_size)))
    except (OSError, ConfigError):
        return dict(DEFAULT_PATHS)


@functools.lru_cache(maxsize=1)
def _current(path: str, _seen: tuple[int, int, int]) -> dict[str, Any]:
    return load(path)


@functools.lru_cache(maxsize=4)
def _paths(path: str, _seen: tuple[int, int, int]) -> dict[str, str]:
    """Half a dozen modules ask in one run, and reading the file takes most of their time."""
    found: dict[str, str] = load(path)["paths"]
    return found
