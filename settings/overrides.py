"""The user's `services` table laid over the catalog.

An entry under a catalog name changes that service (`environment` key by key, all else replaced);
under any other name it is a service of the user's own. What cannot be changed is what the rest of
the product is built around, and the refusal says why rather than "extra keys not permitted".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from catalog import HOST_SECRETS, SERVICES
from service import NAME_PATTERN, Service
from settings.problems import Problem, from_pydantic, nearest, shown, unknown

FORBIDDEN = {
    "name": "the key of the table is the name",
    "owner": "the firewall and the health checks are built around Gluetun as the namespace's owner",
    "socket": "access to Docker is root on the host; only services of the catalog get it",
    "socket_proxy": "access to Docker is root on the host; only services of the catalog get it",
    "files": "their templates are part of this repository",
    "same_host_port": "it is a fact about the app",
    "mirror_environment": "environment does the same; this one is for the mirror of the setting",
    "environment_file": "its template is part of this repository",
    "unverified": "it is a note of the catalog's",
}
FORBIDDEN_IN_CATALOG = {"secrets": "the service's configuration is built around them"}
REQUIRED = ("image", "tag", "stack", "zone")

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def validated(model: type[AnyModel], values: Mapping[str, Any]) -> AnyModel:
    """Return the model; raise ValidationError.

    Through JSON, whose strict mode takes a list for a tuple but never "8080" for a number.
    """
    text = json.dumps(values, default=lambda value: {"not TOML text": str(value)})
    return model.model_validate_json(text, strict=True)


def merge(
    overrides: Mapping[str, Any], problems: list[Problem]
) -> tuple[dict[str, Service], set[str]]:
    """Return the valid services, disabled ones included, and the names of the invalid ones."""
    services: dict[str, Service] = {}
    broken: set[str] = set()
    for name in [*SERVICES, *(name for name in overrides if name not in SERVICES)]:
        if name not in overrides:
            services[name] = SERVICES[name]
            continue
        before = len(problems)
        problems.extend(_form_problems(name, overrides[name]))
        if isinstance(overrides[name], dict) and not _is_mistyped(name, overrides[name]):
            try:
                services[name] = validated(Service, _laid_over(name, overrides[name]))
            except ValidationError as error:
                problems.extend(from_pydantic(error, f"services.{name}", Service.model_fields))
        if len(problems) > before:
            broken.add(name)
            services.pop(name, None)
    return services, broken


def _laid_over(name: str, override: dict[str, Any]) -> dict[str, Any]:
    """Return the values of one service: catalog or nothing, then the user's."""
    if name in SERVICES:
        base = SERVICES[name].model_dump(mode="json")
    else:
        # A name that is no name has been told already; the other values are judged all the same.
        valid = NAME_PATTERN.match(name)
        base = {"name": name if valid else "own", "summary": "your own service"}
    forbidden = FORBIDDEN | (FORBIDDEN_IN_CATALOG if name in SERVICES else {})
    merged = {**base, **{key: value for key, value in override.items() if key not in forbidden}}
    if isinstance(override.get("environment"), dict):
        merged["environment"] = {**base.get("environment", {}), **override["environment"]}
    return merged


def _is_mistyped(name: str, override: dict[str, Any]) -> bool:
    """Tell whether a new name is rather a catalog name with a slip of the finger."""
    return (
        name not in SERVICES
        and not any(key in override for key in REQUIRED)
        and bool(nearest(name, SERVICES))
    )


def _form_problems(name: str, override: object) -> Iterator[Problem]:
    """Yield what is wrong with a table before its values are looked at."""
    path = f"services.{name}"
    if not isinstance(override, dict):
        yield Problem(path, f"must be a table, not {shown(override)}", f"write [{path}]")
        return
    if name in SERVICES:
        for key in sorted(FORBIDDEN_IN_CATALOG.keys() & override.keys()):
            yield Problem(
                f"{path}.{key}",
                f"cannot be changed: {FORBIDDEN_IN_CATALOG[key]}",
                "delete the line",
            )
        yield from _port_problems(name, override)
    elif name in HOST_SECRETS:
        yield Problem(path, "is a name the host's own programs use", "choose another name")
    elif not NAME_PATTERN.match(name):
        yield Problem(
            path, "is no name for a service", "lower-case letters, digits and '-', up to 42"
        )
    elif _is_mistyped(name, override):
        for key in sorted(override.keys() - Service.model_fields.keys()):
            yield unknown(f"{path}.{key}", Service.model_fields)
        yield Problem(
            path,
            "is neither in the catalog nor a whole service of your own",
            f"did you mean {nearest(name, SERVICES)}? One of your own needs {', '.join(REQUIRED)}",
        )
    for key in sorted(FORBIDDEN.keys() & override.keys()):
        yield Problem(f"{path}.{key}", f"cannot be set: {FORBIDDEN[key]}", "delete the line")


def _port_problems(name: str, override: dict[str, Any]) -> Iterator[Problem]:
    """Yield the wish to move a catalog service's port, which only its image decides."""
    port = SERVICES[name].port
    wanted = override.get("port")
    if type(wanted) is int and port and wanted != port and not {"image", "health"} & set(override):
        yield Problem(
            f"services.{name}.port",
            f"is {wanted}, but the program listens on {port} in its container, and its health "
            "check asks there",
            f"set host_port = {wanted} for another port on the host",
        )
