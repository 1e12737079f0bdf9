"""Theirs, with the few settings laid over it that our house relies on. Pure.

What the house relies on is what its seed of the same file says: where a program listens, with what
it is bound to the tunnel, where its neighbours are and with which keys. The API key stays theirs,
since their other programs know it: it is ours that follows (keys). Everything else stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from mediastack.adopt import settings_ini, settings_xml, settings_yaml
from mediastack.adopt.house import Refusal

KEY = re.compile(r"[A-Za-z0-9._-]{16,128}")
# Where a program of the *arr family is found.
PLACE = ("Port", "BindAddress", "UrlBase")
NEIGHBOURS = ("sonarr", "radarr")
LINK = ("ip", "port", "base_url", "ssl", "apikey")
HTTPS = ("Preferences", r"WebUI\HTTPS\Enabled")
PASSWORD = ("Preferences", r"WebUI\Password_PBKDF2")
USER = ("Preferences", r"WebUI\Username")
SECRETIVE = re.compile(r"password|apikey|key", re.IGNORECASE)
MOST_PATHS = 4


class Tailored(NamedTuple):
    """A file as it will be; `notes` say what is other than before, `key` is what ours becomes."""

    text: str
    notes: tuple[str, ...]
    key: str = ""


def arr(text: str, seed: str, key: str = "") -> Tailored:
    """config.xml of Sonarr and its kin; `key`: one that its container was given and that counts
    before the file's. Raise Refusal."""
    try:
        found, wanted = settings_xml.read(text), settings_xml.read(seed)
    except settings_xml.Unreadable as error:
        raise Refusal(f"config.xml {error}") from error
    if found.get("PostgresHost"):
        raise Refusal(_elsewhere("config.xml", found["PostgresHost"]))
    key = _usable(key or found.get("ApiKey", ""), "config.xml")
    values = {name: wanted[name] for name in PLACE if name in wanted}
    notes = [_change(name, found.get(name, ""), new) for name, new in values.items()
             if found.get(name, "") != new]  # fmt: skip
    method = found.get("AuthenticationMethod", "None")
    if method in ("None", "External"):
        notes.append(f"asks nobody to log in (AuthenticationMethod {method}); that stays so")
    return Tailored(settings_xml.replaced(text, {**values, "ApiKey": key}), tuple(notes), key)


def bazarr(text: str, seed: str) -> Tailored:
    """config.yaml of Bazarr. Raise Refusal."""
    try:
        found, wanted = settings_yaml.read(text), settings_yaml.read(seed)
    except settings_yaml.Unreadable as error:
        raise Refusal(f"config.yaml {error}") from error
    if found.get(("postgresql", "enabled"), "").lower() == "true":
        raise Refusal(_elsewhere("config.yaml", found.get(("postgresql", "host"), "")))
    key = _usable(found.get(("auth", "apikey"), ""), "config.yaml")
    names = [("general", "port"), *((one, key) for one in NEIGHBOURS for key in LINK)]
    values = {name: _typed(name[1], wanted[name]) for name in names if name in wanted}
    if found.get(("general", "base_url"), "").strip("/"):
        values["general", "base_url"] = ""
    notes = [_change(".".join(name), found.get(name, ""), settings_yaml.plain(new))
             for name, new in values.items()
             if found.get(name, "").lower() != settings_yaml.plain(new).lower()]  # fmt: skip
    if not found.get(("auth", "type"), ""):
        notes.append("asks nobody to log in (auth.type null); that stays so")
    return Tailored(settings_yaml.replaced(text, values), tuple(notes), key)


def qbittorrent(text: str, seed: str) -> Tailored:
    """qBittorrent.conf. Raise Refusal."""
    found, values = settings_ini.read(text), settings_ini.read(seed)
    if not any(section in ("Preferences", "BitTorrent") for section, _ in found):
        raise Refusal("qBittorrent.conf has neither [Preferences] nor [BitTorrent]")
    if found.get(HTTPS, "").lower() == "true":
        values[HTTPS] = "false"
    notes = []
    for name, new in values.items():
        if found.get(name, "") != new and name not in (PASSWORD, USER):
            notes.append(_change(name[1], found.get(name, ""), new))
    if found.get(PASSWORD) != values.get(PASSWORD) or found.get(USER) != values.get(USER):
        notes.append("its login becomes ours: admin, and secrets/qbittorrent/web_password")
    changed = settings_ini.replaced(text, values)
    outside = sorted({value for value in settings_ini.read(changed).values()
                      if re.match(r"/(?!data(/|$)|config(/|$)|/)[\w]", value)})  # fmt: skip
    if outside:
        shown = ", ".join(outside[:MOST_PATHS])
        notes.append(f"names paths that are not in ours: {shown}; change them to ones below /data")
    return Tailored(changed, tuple(notes))


# By the name of the seed, which is the name of the file that it becomes.
EDITORS: dict[str, Callable[..., Tailored]] = {
    "config.xml": arr,
    "config.yaml": bazarr,
    "qBittorrent.conf": qbittorrent,
}


def relinked(text: str, seed: str) -> str:
    """Return Bazarr's config.yaml with the keys of our Sonarr and Radarr where it points at them,
    else as it is. Raise settings_yaml.Unreadable."""
    found, wanted = settings_yaml.read(text), settings_yaml.read(seed)
    values = {}
    for one in NEIGHBOURS:
        here = found.get((one, "ip")) in ("127.0.0.1", "localhost")
        same = here and found.get((one, "port")) == wanted.get((one, "port"))
        if same and found.get((one, "apikey")) != wanted.get((one, "apikey")):
            values[one, "apikey"] = wanted[one, "apikey"]
    return settings_yaml.replaced(text, values) if values else text


def _typed(name: str, value: str) -> settings_yaml.Value:
    if name == "port":
        return int(value)
    return value.lower() == "true" if name == "ssl" else value


def _usable(key: str, file: str) -> str:
    if not KEY.fullmatch(key):
        raise Refusal(
            f"{file} holds no API key that could become ours; start the program that it is of"
            " once, and it makes one"
        )
    return key


def _elsewhere(file: str, host: str) -> str:
    return (
        f"{file} says that its database is in PostgreSQL ({host or 'somewhere'}), and ours is"
        " SQLite; move it over there first, by what its makers offer for that"
    )


def _change(name: str, old: str, new: str) -> str:
    if SECRETIVE.search(name):
        return f"{name} becomes ours"
    return f"{name}: {old or '(none)'} -> {new or '(none)'}"
