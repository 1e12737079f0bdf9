"""The `ops` stack: what watches, heals, tells and shows."""

from __future__ import annotations

from catalog.common import UNVERIFIED_CAPABILITIES, wget
from service import ConfigFile, Health, Secret, Service


def socket_proxy(kind: str, summary: str, environment: dict[str, str]) -> Service:
    """A Docker socket proxy: no port, no bridge; only its own internal network reaches it."""
    return Service.model_validate(
        {
            "name": f"socket-proxy-{kind}",
            "summary": summary,
            "stack": "ops",
            "zone": "bridge",
            "image": "ghcr.io/linuxserver/socket-proxy",
            "tag": "latest",
            "unverified": "no other tag could be verified; " + UNVERIFIED_CAPABILITIES,
            "port": 2375,
            "uid": 0,
            "capabilities": None,
            "read_only": True,
            "tmpfs": ("/run",),
            "environment": {"LOG_LEVEL": "warning", **environment},
            "socket": kind,
            "socket_proxy": True,
            "stop_grace": 10,
            "memory": 128,
        }
    )


OPS = (
    socket_proxy(
        "read",
        "Docker API, reading only",
        {"CONTAINERS": "1", "IMAGES": "1", "EVENTS": "1", "INFO": "1", "POST": "0"},
    ),
    socket_proxy(
        "heal",
        "Docker API, restarting only",
        # The LinuxServer proxy honours ALLOW_RESTARTS with POST=0; others would open all of POST.
        {"CONTAINERS": "1", "ALLOW_RESTARTS": "1", "POST": "0"},
    ),
    Service(
        name="ntfy",
        summary="Push messages to your phone",
        stack="ops",
        zone="bridge",
        image="docker.io/binwiederhier/ntfy",
        tag="v2.34.0",
        address=32,
        port=8090,
        publish=True,
        # No egress: phones come to it. Upstream push (iOS) is off in its server.yml.
        identity="user",
        command=("serve",),
        environment={"TZ": "{timezone}"},
        config_path="/var/cache/ntfy",
        databases=("cache.db", "user.db"),
        secrets=(
            Secret(name="admin_password"),
            Secret(name="publish_token", kind="token"),
        ),
        files=(ConfigFile(template="ntfy/server.yml", target="/etc/ntfy/server.yml"),),
        health=Health(
            test=(
                "CMD-SHELL",
                "wget -q --tries=1 http://127.0.0.1:8090/v1/health -O - "
                "| grep -Eq '\"healthy\"[[:space:]]*:[[:space:]]*true'",
            )
        ),
        memory=256,
    ),
    Service(
        name="wud",
        summary="What's Up Docker: looks for new images",
        stack="ops",
        zone="bridge",
        image="ghcr.io/getwud/wud",
        tag="8.3.1",
        unverified=UNVERIFIED_CAPABILITIES,
        address=33,
        port=3000,
        publish=False,  # anonymous: whoever reaches it can trigger updates
        egress=True,  # asks the registries
        uid=0,
        capabilities=None,
        socket="read",
        environment={
            "TZ": "{timezone}",
            "WUD_WATCHER_LOCAL_HOST": "socket-proxy-read",
            "WUD_WATCHER_LOCAL_PORT": "2375",
            "WUD_WATCHER_LOCAL_CRON": "0 6 * * *",
            # Not everybody in a time zone in the same minute.
            "WUD_WATCHER_LOCAL_JITTER": "600000",
            # By label: what is not of the catalog is none of its business.
            "WUD_WATCHER_LOCAL_WATCHBYDEFAULT": "false",
            # Its pages are open to the bridge: they may ask it to look again, and no more.
            "WUD_SERVER_FEATURE_DELETE": "false",
            "WUD_TRIGGER_HTTP_MEDIASTACK_AUTO": "{updates_enabled}",
            "WUD_TRIGGER_HTTP_MEDIASTACK_URL": "http://{gateway}:{updates_port}/hooks/wud",
            "WUD_TRIGGER_HTTP_MEDIASTACK_METHOD": "POST",
            # One container in a message, and each result once: it never tries again after a
            # failure, so the updater asks it as well.
            "WUD_TRIGGER_HTTP_MEDIASTACK_MODE": "simple",
            "WUD_TRIGGER_HTTP_MEDIASTACK_ONCE": "true",
            # Spelled otherwise it is accepted, and nothing is sent with the message.
            "WUD_TRIGGER_HTTP_MEDIASTACK_AUTH_TYPE": "BEARER",
            "WUD_TRIGGER_HTTP_MEDIASTACK_AUTH_BEARER__FILE": "/run/secrets/webhook_token",
        },
        # Its known registries are not where a mirror's images say they come from.
        mirror_environment={"WUD_REGISTRY_CUSTOM_MIRROR_URL": "{mirror_url}"},
        config_path="/store",
        secrets=(Secret(name="webhook_token", kind="opaque", mounted=True),),
        health=Health(start_period=60),
        stop_grace=5,  # it was seen not to end on SIGTERM
    ),
    Service(
        name="autoheal",
        summary="Restarts what is unhealthy on the bridge",
        stack="ops",
        zone="bridge",
        image="docker.io/willfarrell/autoheal",
        tag="latest",  # 1.2.0 is of 2021 and has no webhook
        unverified="no newer tag than 1.2.0; " + UNVERIFIED_CAPABILITIES,
        address=34,
        uid=0,
        capabilities=None,
        socket="heal",
        environment={
            "DOCKER_SOCK": "tcp://socket-proxy-heal:2375",
            "AUTOHEAL_CONTAINER_LABEL": "autoheal",
            "AUTOHEAL_INTERVAL": "5",
            # It can hold no token: the door knows it by its address. It only wakes the keeper,
            # which tells what happened (docs/notifications.md).
            "WEBHOOK_URL": "http://{gateway}:{updates_port}/hooks/notify/autoheal",
            "WEBHOOK_JSON_KEY": "text",
        },
        health=Health(),
        stop_grace=10,
        memory=128,
    ),
    Service(
        name="homepage",
        summary="One page with everything",
        stack="ops",
        zone="bridge",
        image="ghcr.io/gethomepage/homepage",
        tag="v1.4.6",
        unverified="tag; " + UNVERIFIED_CAPABILITIES,
        address=35,
        port=3000,
        publish=True,
        egress=True,  # its widgets ask (weather, release notes, whatever the user adds)
        identity="linuxserver",
        capabilities=None,
        socket="read",
        environment={
            # The addresses it answers to.
            "HOMEPAGE_ALLOWED_HOSTS": "{bind_address}:{published_port},"
            "{host_name}:{published_port}",
        },
        config_path="/app/config",
        state_exclude=("logs",),
        health=wget("http://127.0.0.1:3000/api/healthcheck"),
    ),
    Service(
        name="dozzle",
        summary="Logs in the browser",
        stack="ops",
        zone="bridge",
        image="docker.io/amir20/dozzle",
        tag="v8.14.0",
        unverified="tag; " + UNVERIFIED_CAPABILITIES,
        address=36,
        port=8080,
        host_port=8888,
        publish=False,  # no login by default, and logs tell much: no egress either
        uid=0,
        capabilities=None,
        socket="read",
        environment={"DOZZLE_REMOTE_HOST": "tcp://socket-proxy-read:2375"},
        health=Health(test=("CMD", "/dozzle", "healthcheck")),
        memory=256,
    ),
)
