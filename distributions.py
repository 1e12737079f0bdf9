"""What depends on the distribution, in one table: a row each, and nothing elsewhere.

Debian 13 and Ubuntu from 24.04 on carry a Docker Engine and a Compose plugin that are new enough
(health checks with a start interval need Engine 25). The others take them from Docker's own
repository, which the setting docker.source also selects on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

ARCHITECTURES = ("x86_64", "aarch64")
# nftables for the command alone: its service stays off, since stopping it flushes every rule.
# rsync copies configs before an update; skopeo lists the tags that a registry has; restic makes
# the backups, and zstd the plain archive of one.
BASE_PACKAGES = (
    *("ca-certificates", "python3-venv", "procps", "nftables", "rsync", "skopeo"),
    *("restic", "zstd"),
)
DOCKER_REPOSITORY_PACKAGES = (
    "docker-ce",
    "docker-ce-cli",
    "containerd.io",
    "docker-compose-plugin",
)


@dataclass(frozen=True)
class Distribution:
    """One supported release: its id and version as in /etc/os-release."""

    name: str
    version: str
    code_name: str
    docker_packages: tuple[str, ...]
    """Packages of the distribution; empty: none that is new enough."""


SUPPORTED = (
    Distribution("debian", "12", "bookworm", ()),
    Distribution("debian", "13", "trixie", ("docker.io", "docker-cli", "docker-compose")),
    Distribution("ubuntu", "22.04", "jammy", ()),
    Distribution("ubuntu", "24.04", "noble", ("docker.io", "docker-compose-v2")),
)


def find(os_release: dict[str, str]) -> Distribution | None:
    """The row for a host's /etc/os-release, or None."""
    wanted = (os_release.get("ID", ""), os_release.get("VERSION_ID", ""))
    return next((row for row in SUPPORTED if (row.name, row.version) == wanted), None)


def supported_names() -> str:
    """For messages."""
    return ", ".join(f"{row.name} {row.version}" for row in SUPPORTED)


def with_own_docker() -> str:
    """The releases whose own Docker is new enough, for messages."""
    return ", ".join(f"{row.name} {row.version}" for row in SUPPORTED if row.docker_packages)


def docker_source(distribution: Distribution, setting: str) -> str:
    """ "distribution" or "docker": where the engine comes from under the given setting."""
    if setting == "auto":
        return "distribution" if distribution.docker_packages else "docker"
    return setting


def packages(distribution: Distribution, setting: str) -> tuple[str, ...]:
    """Every package the host needs."""
    from_docker = docker_source(distribution, setting) == "docker"
    engine = DOCKER_REPOSITORY_PACKAGES if from_docker else distribution.docker_packages
    return BASE_PACKAGES + engine


def docker_keys(setting: str) -> dict[str, str]:
    """Where a host that takes Docker from its own repository has to fetch the key, by release
    ("debian 12"); releases with another source are left out."""
    return {
        f"{row.name} {row.version}": docker_repository(row)["key_url"]
        for row in SUPPORTED
        if docker_source(row, setting) == "docker"
    }


def docker_repository(distribution: Distribution) -> dict[str, str]:
    """Docker's own package repository: where its key comes from and what apt reads (deb822)."""
    base = f"https://download.docker.com/linux/{distribution.name}"
    key = "/etc/apt/keyrings/docker.asc"
    return {
        "key_url": f"{base}/gpg",
        "key": key,
        "source": "/etc/apt/sources.list.d/docker.sources",
        "text": (
            f"Types: deb\nURIs: {base}\nSuites: {distribution.code_name}\n"
            f"Components: stable\nSigned-By: {key}\n"
        ),
    }
