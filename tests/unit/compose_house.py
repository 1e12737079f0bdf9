"""Compose files of a house with every service of the catalog, read back as YAML."""

from __future__ import annotations

from typing import Any

import yaml

import render
from settings import Settings

BIND = "192.168.1.10"
EVERYTHING = {"services": {name: {"enabled": True} for name in ("jellyfin", "lidarr", "sabnzbd")}}
Block = dict[str, Any]


def rendered(settings: Settings, gluetun: str = "") -> dict[str, str]:
    values = render.context(settings, BIND, "box")
    return {
        stack: render.compose(
            settings, stack, render.blocks(settings, stack, values, {"gluetun.env": gluetun})
        )
        for stack in ("downloads", "media", "ops")
    }


def files(settings: Settings) -> dict[str, Any]:
    return {stack: yaml.safe_load(text) for stack, text in rendered(settings).items()}


def services(settings: Settings) -> dict[str, Block]:
    return {
        name: one for file in files(settings).values() for name, one in file["services"].items()
    }


def variant(settings: Settings, name: str, **fields: Any) -> Settings:
    """The settings with some fields of one service changed."""
    changed = settings.services[name].model_copy(update=fields)
    return settings.model_copy(update={"services": {**settings.services, name: changed}})


def digest(settings: Settings, name: str, gluetun: str = "") -> str:
    values = render.context(settings, BIND, "box")
    service = settings.services[name]
    extra = gluetun if service.environment_file else ""
    return render.config_hash(render.block(settings, service, values, extra))
