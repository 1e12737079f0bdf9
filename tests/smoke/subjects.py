"""What a smoke test runs for: each service, path, … of a host. Known without any connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.smoke.expected import Expected

SUBJECTS: dict[str, Callable[[Expected], Iterable[str]]] = {
    "service": lambda e: e.services,
    "disabled": lambda e: [n for n, one in e.settings.services.items() if not one.enabled],
    "path": lambda e: e.files,
    "secret": lambda e: e.secrets,
    "seed": lambda e: e.seeds,
    "unit": lambda e: e.units,
    "package": lambda e: e.packages,
    "web_interface": lambda e: e.urls,
    "socket": lambda e: sorted({s.socket for s in e.services.values() if s.socket}),
    "host_service": lambda e: e.host_services,
    "stack": lambda e: e.config["stacks"],
}
