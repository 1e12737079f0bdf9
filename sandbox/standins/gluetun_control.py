"""Gluetun's control server: the routes of v3.41.3 and its role file, unknown keys fatal.

Without a role, the legacy role "public" covers the status, port and address routes; as soon as one
role exists, every route that no role lists is 401.
"""

from __future__ import annotations

import hmac
import os
import tomllib
from base64 import b64encode
from pathlib import Path
from typing import Any, Protocol

from . import web
from .web import Answer, Request

PUBLIC_ROUTES = (
    "GET /v1/vpn/status", "PUT /v1/vpn/status", "GET /v1/portforward", "GET /v1/publicip/ip",
    "GET /v1/openvpn/portforwarded", "GET /v1/dns/status", "PUT /v1/dns/status",
    "GET /v1/updater/status", "PUT /v1/updater/status", "GET /v1/version",
)  # fmt: skip
ROUTES = {
    *PUBLIC_ROUTES, "GET /v1/vpn/settings", "PUT /v1/vpn/settings", "PUT /v1/portforward",
    "GET /v1/openvpn/status", "PUT /v1/openvpn/status", "GET /v1/openvpn/settings",
    "GET /openvpn/actions/restart", "GET /unbound/actions/restart", "GET /openvpn/portforwarded",
    "GET /openvpn/settings", "GET /updater/restart",
}  # fmt: skip
ROLE_KEYS = {"name", "routes", "auth", "apikey", "username", "password"}
Role = dict[str, Any]


class Tunnel(Protocol):
    """What the control server asks and changes (gluetun_vpn.Vpn)."""

    status: str
    public_ip: str

    def port(self) -> int:
        """The forwarded port now, 0 for none."""

    def set_status(self, wanted: str) -> str:
        """Start or stop the tunnel; how that went."""


def read_roles(path: Path) -> list[Role]:
    """The roles of the auth file ([] when absent). Ends the program when it is not valid."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SystemExit(f"ERROR control server auth: {path}: {error}") from error
    roles: list[Role] = content.pop("roles", [])
    unknown = set(content)
    for role in roles:
        method = role.get("auth")
        unknown |= set(role) - ROLE_KEYS
        unknown |= set(role.get("routes", [])) - ROUTES
        if method not in ("none", "basic", "apikey"):
            raise SystemExit(f"ERROR control server auth: method {method!r} not supported")
    if unknown:
        raise SystemExit(f"ERROR control server auth: not known: {', '.join(sorted(unknown))}")
    return roles


def server(tunnel: Tunnel, roles: list[Role]) -> web.Handler:
    """The handler of port 8000."""
    if not roles:
        print("WARN no control server role is set: the legacy role public is used")
        roles = [{"name": "public", "auth": "none", "routes": list(PUBLIC_ROUTES)}]

    def answer(request: Request) -> Answer:
        route = f"{request.method} {request.path}"
        if route not in ROUTES:
            known = any(entry.endswith(f" {request.path}") for entry in ROUTES)
            return Answer("", 405 if known else 404)
        if not any(_admits(role, route, request) for role in roles):
            return Answer("Unauthorized", 401)
        return _route(tunnel, route, request)

    return answer


def _admits(role: Role, route: str, request: Request) -> bool:
    if route not in role.get("routes", []):
        return False
    if role["auth"] == "none":
        return True
    if role["auth"] == "apikey":
        wanted, given = str(role.get("apikey", "")), request.headers.get("x-api-key", "")
    else:
        pair = f"{role.get('username', '')}:{role.get('password', '')}"
        wanted = "Basic " + b64encode(pair.encode()).decode()
        given = request.headers.get("authorization", "")
    return bool(wanted) and hmac.compare_digest(wanted.encode(), given.encode())


def _route(tunnel: Tunnel, route: str, request: Request) -> Answer:
    if route in {"GET /v1/openvpn/portforwarded", "GET /openvpn/portforwarded"}:
        return Answer("", 301, headers={"Location": "/v1/portforward"})
    if route == "GET /v1/portforward":
        port = tunnel.port()
        return Answer({"port": port, "ports": [port] if port else None})
    if route == "GET /v1/publicip/ip":
        place = {"country": "Sandbox"} if tunnel.public_ip else {}
        return Answer({"public_ip": tunnel.public_ip, **place})
    if route == "GET /v1/vpn/status":
        return Answer({"status": tunnel.status})
    if route == "PUT /v1/vpn/status":
        wanted = (request.json() or {}).get("status")
        if wanted not in ("running", "stopped"):
            return Answer("invalid status", 400)
        return Answer({"outcome": tunnel.set_status(wanted)})
    if route == "GET /v1/dns/status":
        return Answer({"status": "running"})
    if route == "GET /v1/version":
        return Answer({"version": os.environ.get("STANDIN_VERSION", "")})
    return Answer({"error": "this stand-in does not cover this route"}, 501)
