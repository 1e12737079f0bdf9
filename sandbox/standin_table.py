"""Which stand-in plays which image: how upstream starts it, which tools it has, its own check.

Keyed by the last part of the image's path (`sonarr` of `ghcr.io/linuxserver/sonarr`), so a service
of another name (the two socket proxies) or another registry finds its stand-in. Start-up, tools and
baked health checks are those of the upstream Dockerfiles.
"""

from __future__ import annotations

from dataclasses import dataclass

CURL = "curl"
WGET = "wget"
RUNTIME = ("__init__", "__main__", "control", "web", "store", "application")


@dataclass(frozen=True)
class Standin:
    """One stand-in. `start`: "linuxserver" (/init), "direct", or "package" (its own program)."""

    modules: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    start: str = "direct"
    tools: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    state: str = ""
    user: str = ""
    entrypoint: str = ""
    """The path of upstream's entry point, which then takes the command's words."""
    command: tuple[str, ...] = ()
    health: str = ""
    """HEALTHCHECK line of the image ("" when upstream has none)."""
    environment: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    files: tuple[tuple[str, str, int], ...] = ()
    """(path in the image, file below sandbox/box_files, mode)."""


def _linuxserver(
    module: str,
    port: int,
    *arguments: str,
    environment: tuple[tuple[str, str], ...] = (),
) -> Standin:
    return Standin(
        modules=(module, "linuxserver"),
        arguments=(module, *arguments),
        start="linuxserver",
        tools=(CURL,),
        ports=(port,),
        state="/config",
        environment=environment,
    )


def _healthcheck(command: str, *, interval: int = 30, timeout: int = 30, start: int = 0) -> str:
    period = f" --start-period={start}s" if start else ""
    return f"HEALTHCHECK --interval={interval}s --timeout={timeout}s{period} CMD {command}"


TABLE: dict[str, Standin] = {
    "sonarr": _linuxserver("arr", 8989, "sonarr"),
    "radarr": _linuxserver("arr", 7878, "radarr"),
    "prowlarr": _linuxserver("arr", 9696, "prowlarr"),
    "lidarr": _linuxserver("arr", 8686, "lidarr"),
    "bazarr": _linuxserver("bazarr", 6767),
    "plex": _linuxserver("plex", 32400),
    "jellyfin": _linuxserver("jellyfin", 8096),
    "sabnzbd": _linuxserver("sabnzbd", 8080),
    "qbittorrent": Standin(
        modules=("linuxserver",),
        start="linuxserver",
        tools=(CURL,),
        ports=(8080,),
        state="/config",
        packages=("qbittorrent-nox",),
        command=("/usr/local/bin/qbittorrent-start",),
        files=(("/usr/local/bin/qbittorrent-start", "qbittorrent-start", 0o755),),
    ),
    "gluetun": Standin(
        modules=(
            "gluetun", "gluetun_control", "gluetun_dns", "gluetun_firewall", "gluetun_health",
            "gluetun_natpmp", "gluetun_ports", "gluetun_servers", "gluetun_settings",
            "gluetun_storage", "gluetun_system", "gluetun_tunnel", "gluetun_vpn",
        ),
        arguments=("gluetun",),
        tools=(WGET,),
        ports=(8000, 8888, 8388),
        state="/gluetun",
        entrypoint="/gluetun-entrypoint",
        health="HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 "
        'CMD ["/gluetun-entrypoint", "healthcheck"]',
        packages=("wireguard-go", "wireguard-tools", "iptables"),
        files=(("/gluetun-entrypoint", "gluetun-entrypoint", 0o755),),
    ),
    "flaresolverr": Standin(
        modules=("flaresolverr",),
        arguments=("flaresolverr",),
        tools=(CURL,),
        ports=(8191, 8192),
        user="1000:1000",
    ),
    "recyclarr": Standin(
        modules=("recyclarr",),
        arguments=("recyclarr",),
        state="/config",
        user="1000:1000",
        entrypoint="/entrypoint.sh",
    ),
    "cross-seed": Standin(
        modules=("cross_seed",),
        arguments=("cross_seed",),
        tools=(CURL,),
        ports=(2468,),
        state="/config",
        entrypoint="/usr/local/bin/cross-seed",
    ),
    "unpackerr": Standin(
        modules=("unpackerr",),
        arguments=("unpackerr",),
        tools=(WGET,),
        ports=(5656,),
    ),
    "tautulli": Standin(
        modules=("tautulli", "linuxserver"),
        arguments=("tautulli",),
        start="linuxserver",
        tools=(CURL,),
        ports=(8181,),
        state="/config",
        health=_healthcheck(
            "curl -ILfks https://localhost:8181/status >/dev/null "
            "|| curl -ILfks http://localhost:8181/status >/dev/null || exit 1",
            start=90,
        ),
        environment=(("PUID", "0"), ("PGID", "0")),
    ),
    "seerr": Standin(
        modules=("seerr",),
        arguments=("seerr",),
        tools=(WGET,),
        ports=(5055,),
        state="/app/config",
        user="1000:1000",
    ),
    "maintainerr": Standin(
        modules=("maintainerr",),
        arguments=("maintainerr",),
        tools=(CURL,),
        ports=(6246,),
        state="/opt/data",
        user="1000:1000",
        health=_healthcheck("/opt/app/healthcheck.sh", start=40),
        files=(("/opt/app/healthcheck.sh", "maintainerr-healthcheck", 0o755),),
    ),
    "suggestarr": Standin(
        modules=("suggestarr",),
        arguments=("suggestarr",),
        tools=(WGET,),
        ports=(5000,),
        state="/app/config/config_files",
    ),
    "socket-proxy": Standin(
        modules=(),
        start="package",
        ports=(2375,),
        packages=("haproxy",),
        command=("/usr/local/bin/socket-proxy-start",),
        environment=(
            ("EVENTS", "1"), ("PING", "1"), ("VERSION", "1"), ("LOG_LEVEL", "info"),
        ),
        files=(
            ("/usr/local/bin/socket-proxy-start", "socket-proxy-start", 0o755),
            ("/templates/haproxy.cfg", "haproxy.cfg", 0o644),
        ),
    ),
    "wud": Standin(
        modules=(
            *("wud", "wud_container", "wud_registry", "wud_schedule", "wud_semver"),
            *("wud_watcher", "docker_api"),
        ),
        arguments=("wud",),
        tools=(CURL,),
        ports=(3000,),
        state="/store",
        health=_healthcheck("curl --fail http://localhost:3000/health || exit 1", timeout=5),
    ),
    "autoheal": Standin(
        modules=("autoheal", "docker_api"),
        arguments=("autoheal",),
        tools=(CURL,),
        entrypoint="/docker-entrypoint",
        command=("autoheal",),
        health=_healthcheck("pgrep -f autoheal || exit 1", interval=5),
    ),
    "ntfy": Standin(
        modules=("ntfy", "ntfy_access"),
        arguments=("ntfy",),
        tools=(WGET,),
        ports=(80,),
        state="/var/cache/ntfy",
        entrypoint="/usr/bin/ntfy",
    ),
    "homepage": Standin(
        modules=("homepage",),
        arguments=("homepage",),
        tools=(WGET,),
        ports=(3000,),
        health=_healthcheck(
            "wget --no-verbose --tries=1 --spider "
            "http://127.0.0.1:${PORT:-3000}/api/healthcheck || exit 1",
            interval=10, timeout=3, start=20,
        ),
    ),
    "dozzle": Standin(
        modules=("dozzle", "docker_api"),
        arguments=("dozzle",),
        ports=(8080,),
        entrypoint="/dozzle",
    ),
}  # fmt: skip
