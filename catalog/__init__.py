"""The services, one entry each: the only place that knows image, stack, zone, port, health, state.

Order is start order within a stack. Ports, health tools, state paths and traps were read in the
upstream images and docs; a tag or a capability set that nobody could verify says so in
`unverified`. Images come from ghcr.io or Docker Hub, never from lscr.io, which What's Up Docker
cannot query without a personal token. Secrets appear by name only: values are made on the host.
"""

from __future__ import annotations

from catalog.downloads import DOWNLOADS
from catalog.media import MEDIA
from catalog.ops import OPS
from service import Secret, Service

SERVICES: dict[str, Service] = {service.name: service for service in DOWNLOADS + MEDIA + OPS}

# Read by programs on the host rather than by a container: secrets/<consumer>/<name>.
HOST_SECRETS: dict[str, tuple[Secret, ...]] = {
    # Made once on the host, unless the user brings that of an earlier repository.
    "backup": (Secret(name="repository_password"),),
    "notify": (Secret(name="token", origin="copy", source="ntfy/publish_token"),),
    "updater": (
        Secret(name="webhook_token", origin="copy", source="wud/webhook_token", kind="opaque"),
        # What an app shows at the door when it has something to say (docs/notifications.md).
        *(
            Secret(name=f"hook_{name}", origin="copy", source=f"{name}/hook_token", kind="opaque")
            for name in ("sonarr", "radarr", "unpackerr", "cross-seed", "seerr")
        ),
    ),
}
