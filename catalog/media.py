"""The `media` stack: Plex on the host's network, its companions on the bridge."""

from __future__ import annotations

from catalog.common import (
    HOOK_TOKEN,
    LINUXSERVER,
    MIGRATES,
    UNVERIFIED_CAPABILITIES,
    curl,
    wget,
)
from service import DataMount, Health, Service

MEDIA = (
    Service(
        name="plex",
        summary="Media server",
        stack="media",
        zone="host",  # discovery and remote access need the host's network
        image="ghcr.io/linuxserver/plex",
        tag="1.43.0.10492-121068a07-ls297",
        # Its commit may consist of digits alone.
        update_tags=r"^\d+\.\d+\.\d+\.\d+-[0-9a-f]{9}-ls\d+$",
        update_deadline=MIGRATES,
        unverified="curl in the image",
        port=32400,
        identity="linuxserver",
        capabilities=LINUXSERVER,
        environment={"VERSION": "docker"},
        config_path="/config",
        databases=(
            "Library/Application Support/Plex Media Server/Plug-in Support/Databases/"
            "com.plexapp.plugins.library.db",
            "Library/Application Support/Plex Media Server/Plug-in Support/Databases/"
            "com.plexapp.plugins.library.blobs.db",
        ),
        state_exclude=(
            "Library/Application Support/Plex Media Server/Cache",
            "Library/Application Support/Plex Media Server/Logs",
            "Library/Application Support/Plex Media Server/Crash Reports",
            "Library/Application Support/Plex Media Server/Codecs",
        ),
        data=(DataMount(path="/data/media", read_only=True),),
        health=curl("http://127.0.0.1:32400/identity", start_period=120),
        stop_grace=60,
        memory=4096,
        pids=2048,
    ),
    Service(
        name="tautulli",
        summary="What was watched",
        stack="media",
        zone="bridge",
        image="ghcr.io/tautulli/tautulli",
        tag="v2.17.2",
        update_deadline=MIGRATES,
        unverified=UNVERIFIED_CAPABILITIES,
        address=20,
        port=8181,
        publish=True,
        egress=True,  # plex.tv, and where it sends its own notifications
        identity="linuxserver",
        capabilities=None,
        config_path="/config",
        databases=("tautulli.db",),
        state_exclude=("logs", "cache", "backups"),
        health=Health(start_period=90),
    ),
    Service(
        name="seerr",
        summary="Requests",
        stack="media",
        zone="bridge",
        image="ghcr.io/seerr-team/seerr",
        tag="v3.5.0",
        update_deadline=MIGRATES,
        address=21,
        port=5055,
        publish=True,
        egress=True,  # sign-in at plex.tv, titles and posters from TMDB
        uid=1000,  # the image's `node` user; it reads no PUID
        init=True,  # CMD is `npm start`, which makes a poor PID 1
        environment={"TZ": "{timezone}", "LOG_LEVEL": "info"},
        config_path="/app/config",
        databases=("db/db.sqlite3",),
        state_exclude=("cache", "logs"),
        secrets=(HOOK_TOKEN,),
        # /api/v1/status asks GitHub for updates and is slow or 500 offline.
        health=wget("http://127.0.0.1:5055/api/v1/settings/public", start_period=120),
        memory=1024,
    ),
    Service(
        name="maintainerr",
        summary="Removes what nobody watches (by rules, which are off)",
        stack="media",
        zone="bridge",
        image="ghcr.io/maintainerr/maintainerr",
        tag="3.24.0",
        update_deadline=MIGRATES,
        address=22,
        port=6246,
        publish=False,  # it has no authentication at all and can delete media
        egress=True,  # plex.tv and TMDB
        identity="user",
        environment={"TZ": "{timezone}"},
        config_path="/opt/data",
        databases=("maintainerr.sqlite",),
        state_exclude=("logs",),
        health=Health(start_period=40),
        memory=1024,
    ),
    Service(
        name="suggestarr",
        summary="Suggests from what was watched",
        stack="media",
        zone="bridge",
        image="docker.io/ciuse99/suggestarr",
        tag="latest",
        update_deadline=MIGRATES,
        unverified="no other tag could be verified; " + UNVERIFIED_CAPABILITIES,
        address=23,
        port=5000,
        publish=True,
        egress=True,  # TMDB
        uid=0,
        capabilities=None,
        environment={"TZ": "{timezone}", "LOG_LEVEL": "info"},
        config_path="/app/config/config_files",
        databases=("requests.db",),
        state_exclude=("app.log",),
        health=wget("http://127.0.0.1:5000/api/health/live"),
    ),
    Service(
        name="jellyfin",
        summary="Media server (off by default)",
        enabled=False,
        stack="media",
        zone="bridge",
        image="ghcr.io/linuxserver/jellyfin",
        tag="10.10.7",
        update_deadline=MIGRATES,
        unverified="tag",
        address=24,
        port=8096,
        publish=True,
        egress=True,  # metadata and pictures
        identity="linuxserver",
        capabilities=LINUXSERVER,
        config_path="/config",
        databases=("data/data/jellyfin.db",),
        state_exclude=("log", "cache", "data/transcodes"),
        data=(DataMount(path="/data/media", read_only=True),),
        health=curl("http://127.0.0.1:8096/health", start_period=120),
        memory=4096,
        pids=1024,
    ),
)
