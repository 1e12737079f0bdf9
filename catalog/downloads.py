"""The `downloads` stack: Gluetun and what lives in its network namespace."""

from __future__ import annotations

from catalog.common import (
    ALL_DATA,
    HOOK_TOKEN,
    LINUXSERVER,
    MIGRATES,
    UNVERIFIED_CAPABILITIES,
    curl,
    wget,
)
from service import ConfigFile, DataMount, Health, Secret, Service

API_KEY = Secret(name="api_key", kind="hex32")


def arr(name: str, summary: str, image: str, tag: str, port: int, **more: object) -> Service:
    """Sonarr and its kin: one program family, one shape."""
    values: dict[str, object] = {
        "stack": "downloads",
        "zone": "vpn",
        "image": image,
        "tag": tag,
        "update_deadline": MIGRATES,
        "port": port,
        "publish": True,
        "identity": "linuxserver",
        "capabilities": LINUXSERVER,
        "config_path": "/config",
        "databases": (f"{name}.db",),
        "state_exclude": ("logs", "logs.db", "MediaCover", "Backups"),
        "secrets": (API_KEY,),
        "files": (ConfigFile(template="arr/config.xml", target="config.xml", seed=True),),
        # /ping probes the database and needs no key; a first start can take two minutes.
        "health": curl(f"http://127.0.0.1:{port}/ping", start_period=180),
        "memory": 1024,
    }
    return Service.model_validate({"name": name, "summary": summary, **values, **more})


DOWNLOADS = (
    Service(
        name="gluetun",
        summary="VPN tunnel; its network namespace is the vpn zone",
        stack="downloads",
        zone="bridge",
        owner=True,
        image="docker.io/qmcgaw/gluetun",
        tag="v3.41.3",  # `latest` is the development branch
        address=10,
        port=8000,  # control server: never published
        # No egress: the second wall lets its address send to the VPN's endpoint and nothing else.
        capabilities=("NET_ADMIN", "NET_RAW", "CHOWN", "DAC_OVERRIDE"),
        devices=("/dev/net/tun:/dev/net/tun",),
        environment_file="gluetun.env",
        config_path="/gluetun",
        state_exclude=("servers.json",),
        secrets=(
            Secret(name="wireguard_private_key", origin="user", kind="opaque", mounted=True),
            # Some providers only (airvpn); mounted where Gluetun looks for it, if it is given.
            Secret(
                name="wireguard_preshared_key",
                origin="user",
                kind="opaque",
                required=False,
                mounted=True,
            ),
            Secret(name="control_api_key", kind="opaque"),
        ),
        files=(ConfigFile(template="gluetun/auth.toml", target="/gluetun/auth/config.toml"),),
        # The image's own HEALTHCHECK; Gluetun heals its tunnel itself, so nobody restarts it.
        health=Health(),
        stop_grace=15,
    ),
    Service(
        name="qbittorrent",
        summary="Torrent client, bound to the tunnel",
        stack="downloads",
        zone="vpn",
        image="ghcr.io/linuxserver/qbittorrent",
        tag="5.2.3",
        # Its registry still has a 14.3.9 and a 20.04.1 of old, which are no later versions.
        update_tags=r"^[5-9]\.\d+\.\d+$",
        port=8080,
        same_host_port=True,
        publish=True,
        identity="linuxserver",
        capabilities=LINUXSERVER,
        # TORRENTING_PORT stays unset: it would overwrite the VPN's forwarded port at each start.
        environment={"WEBUI_PORT": "8080"},
        config_path="/config",
        state_exclude=("qBittorrent/logs", "qBittorrent/ipc-socket", "qBittorrent/lockfile"),
        # It has no online backup: torrents and their state are files that belong together.
        backup="stopped",
        data=(DataMount(path="/data/torrents"),),
        secrets=(Secret(name="web_password"),),
        files=(
            ConfigFile(
                template="qbittorrent/qBittorrent.conf",
                target="qBittorrent/qBittorrent.conf",
                seed=True,
            ),
        ),
        # The API answers 403 without a login: any HTTP answer counts. A check on localhost alone
        # stays green in a dead namespace, so the tunnel device must be there as well.
        health=Health(
            test=(
                "CMD-SHELL",
                "test -e /sys/class/net/tun0 && curl -sS -o /dev/null http://127.0.0.1:8080/",
            )
        ),
        stop_grace=60,
        memory=2048,
        pids=1024,
    ),
    arr(
        "prowlarr",
        "Indexers for the *arrs",
        "ghcr.io/linuxserver/prowlarr",
        "2.6.5.5623-ls161",
        9696,
    ),
    Service(
        name="flaresolverr",
        summary="Solves the browser checks of indexers",
        stack="downloads",
        zone="vpn",
        image="ghcr.io/flaresolverr/flaresolverr",
        tag="v3.5.2",
        unverified=UNVERIFIED_CAPABILITIES,
        port=8191,
        capabilities=None,
        environment={"LOG_LEVEL": "info", "TZ": "{timezone}"},
        health=curl("http://127.0.0.1:8191/health"),
        memory=2048,
        pids=1024,
    ),
    arr(
        "sonarr",
        "Series",
        "ghcr.io/linuxserver/sonarr",
        "4.0.20",
        8989,
        data=ALL_DATA,
        secrets=(API_KEY, HOOK_TOKEN),
    ),
    arr(
        "radarr",
        "Films",
        "ghcr.io/linuxserver/radarr",
        "6.4.4",
        7878,
        data=ALL_DATA,
        secrets=(API_KEY, HOOK_TOKEN),
    ),
    Service(
        name="bazarr",
        summary="Subtitles",
        stack="downloads",
        zone="vpn",
        image="ghcr.io/linuxserver/bazarr",
        tag="1.6.2",  # no `v` since 1.6
        update_deadline=MIGRATES,
        port=6767,
        publish=True,
        identity="linuxserver",
        capabilities=LINUXSERVER,
        config_path="/config",
        databases=("db/bazarr.db",),
        state_exclude=("log", "cache", "backup", "restore"),
        data=(DataMount(path="/data/media"),),
        secrets=(
            Secret(name="api_key", kind="hex32"),
            Secret(name="web_password"),
            Secret(name="sonarr_api_key", origin="copy", source="sonarr/api_key"),
            Secret(name="radarr_api_key", origin="copy", source="radarr/api_key"),
        ),
        files=(ConfigFile(template="bazarr/config.yaml", target="config/config.yaml", seed=True),),
        health=curl("http://127.0.0.1:6767/api/system/ping", start_period=120),
    ),
    Service(
        name="recyclarr",
        summary="Quality profiles from the TRaSH guides",
        stack="downloads",
        zone="vpn",
        image="ghcr.io/recyclarr/recyclarr",
        tag="8.7.1",  # no `v`, and no `latest` since 8.4
        identity="user",
        environment={
            "TZ": "{timezone}",
            "CRON_SCHEDULE": "@daily",
            "RECYCLARR_CREATE_CONFIG": "false",
        },
        config_path="/config",
        state_exclude=("logs", "resources", "cache"),
        stop_grace=10,
    ),
    Service(
        name="cross-seed",
        summary="Finds further trackers for what is already there",
        stack="downloads",
        zone="vpn",
        image="ghcr.io/cross-seed/cross-seed",
        tag="6",
        update_deadline=MIGRATES,
        port=2468,
        identity="user",  # must be the torrent client's uid, or hardlinks are refused
        command=("daemon",),
        config_path="/config",
        databases=("cross-seed.db",),
        state_exclude=("logs",),
        data=ALL_DATA,
        secrets=(
            API_KEY,
            HOOK_TOKEN,
            Secret(name="qbittorrent_password", origin="copy", source="qbittorrent/web_password"),
        ),
        files=(ConfigFile(template="cross-seed/config.js", target="/config/config.js"),),
        health=curl("http://localhost:2468/api/ping"),
        # It listens only when its torrent client and its indexers have answered, else it ends.
        drill=False,
    ),
    Service(
        name="unpackerr",
        summary="Unpacks what was downloaded in archives",
        stack="downloads",
        zone="vpn",
        image="ghcr.io/unpackerr/unpackerr",
        tag="v0.16.1",
        port=5656,
        identity="user",
        environment={
            "TZ": "{timezone}",
            "UN_WEBSERVER_METRICS": "true",  # the only thing in it that a health check can ask
            "UN_SONARR_0_URL": "http://localhost:8989",
            "UN_SONARR_0_API_KEY": "filepath:/run/secrets/sonarr_api_key",
            "UN_SONARR_0_PATHS_0": "/data/torrents",
            "UN_RADARR_0_URL": "http://localhost:7878",
            "UN_RADARR_0_API_KEY": "filepath:/run/secrets/radarr_api_key",
            "UN_RADARR_0_PATHS_0": "/data/torrents",
            # The address holds a token, hence a file, and a name: it logs the address otherwise.
            "UN_WEBHOOK_0_URL": "filepath:/run/secrets/webhook_url",
            "UN_WEBHOOK_0_NAME": "notifications",
            "UN_WEBHOOK_0_TEMPLATE": "notifiarr",
            "UN_WEBHOOK_0_SILENT": "true",
        },
        data=ALL_DATA,
        secrets=(
            Secret(name="sonarr_api_key", origin="copy", source="sonarr/api_key", mounted=True),
            Secret(name="radarr_api_key", origin="copy", source="radarr/api_key", mounted=True),
            HOOK_TOKEN,
        ),
        files=(ConfigFile(template="unpackerr/webhook_url", target="/run/secrets/webhook_url"),),
        health=wget("http://127.0.0.1:5656/metrics"),
    ),
    arr(
        "lidarr",
        "Music (off by default)",
        "ghcr.io/linuxserver/lidarr",
        "2.12.4",
        8686,
        # Its registry still has an 8.1.2135 of the time before 1.0.
        update_tags=r"^[2-7]\.\d+\.\d+$",
        enabled=False,
        unverified="tag",
        data=ALL_DATA,
    ),
    Service(
        name="sabnzbd",
        summary="Usenet client (off by default)",
        enabled=False,
        stack="downloads",
        zone="vpn",
        image="ghcr.io/linuxserver/sabnzbd",
        tag="4.5.5",
        update_deadline=MIGRATES,
        port=8085,  # upstream's 8080 is qBittorrent's in the shared namespace
        publish=True,
        identity="linuxserver",
        capabilities=LINUXSERVER,
        environment={"PORT": "8085"},
        unverified="PORT is read by the image's start script (not by SABnzbd itself)",
        config_path="/config",
        databases=("admin/history1.db",),
        state_exclude=("logs",),
        data=(DataMount(path="/data/usenet"),),
        health=curl("http://127.0.0.1:8085/api?mode=version&output=json"),
    ),
)
