"""The typed tables of the settings: what one value must look like by itself.

Defaults live in group_data/all.py and nowhere else, so a field here has none: a default forgotten
there is an error, not a second truth. What follows from several values together is checked in
checks.py. Every message ends in "; fix: …", because it reaches the user as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from service import Service, Strict
from settings.values import (
    account,
    addresses,
    bind_address,
    dns_upstream,
    exit_check_url,
    filter_name,
    host_path,
    identity,
    ipv6_subnet,
    matches,
    mirror,
    outbound_subnet,
    provider,
    quiet_hours,
    registry,
    resolver,
    server,
    subnet,
    timezone,
)
from settings.values_backup import remote_name, restic_repository, time_of_day
from settings.values_disk import space
from settings.values_monitor import metrics_port, restart_owner
from settings.values_updates import window

Identity = Annotated[int, AfterValidator(identity)]
Account = Annotated[str, AfterValidator(account)]
HostPath = Annotated[str, AfterValidator(host_path)]
Filter = Annotated[str, AfterValidator(filter_name)]


class Host(Strict):
    """Who the apps run as, and when."""

    timezone: Annotated[str, AfterValidator(timezone)]
    user: Account
    group: Account
    puid: Identity
    pgid: Identity
    umask: Annotated[
        str, matches("0[0-7]{2}", "no umask for shared files", 'three digits like "002" or "022"')
    ]


class Storage(Strict):
    """Directories on the host; in the containers `data` is always /data."""

    data: HostPath
    config: HostPath
    backups: HostPath
    minimum_free_gib: Annotated[int, Field(ge=1, le=100000)]


class Network(Strict):
    """The bridge network and where its services are published."""

    subnet: Annotated[str, AfterValidator(subnet)]
    ipv6_subnet: Annotated[str, AfterValidator(ipv6_subnet)]
    bind_address: Annotated[str, AfterValidator(bind_address)]


class Docker(Strict):
    """Where Docker comes from and how it logs."""

    source: Literal["auto", "distribution", "docker"]
    log_max_size: Annotated[
        str, matches("[1-9][0-9]{0,5}[kmg]", "no size", 'a number with k, m or g, like "10m"')
    ]
    log_max_files: Annotated[int, Field(ge=1, le=100)]
    insecure_registries: tuple[Annotated[str, AfterValidator(registry)], ...]


class Registry(Strict):
    """Where images come from."""

    mirror: Annotated[str, AfterValidator(mirror)]


class Vpn(Strict):
    """What Gluetun is told; the key is a secret and not here."""

    provider: Annotated[str, AfterValidator(provider)]
    countries: tuple[Filter, ...]
    regions: tuple[Filter, ...]
    cities: tuple[Filter, ...]
    hostnames: tuple[Filter, ...]
    port_forwarding: bool
    no_port_alarm_minutes: Annotated[int, Field(ge=1, le=10080)]
    free_only: bool
    addresses: Annotated[str, AfterValidator(addresses)]
    outbound_subnets: tuple[Annotated[str, AfterValidator(outbound_subnet)], ...]
    dns_upstream: Annotated[str, AfterValidator(dns_upstream)]
    exit_check_url: Annotated[str, AfterValidator(exit_check_url)]
    exit_check_url_ipv6: Annotated[str, AfterValidator(exit_check_url)]
    exit_check_resolver: Annotated[str, AfterValidator(resolver)]
    exit_check_resolver_ipv6: Annotated[str, AfterValidator(resolver)]


class Notify(Strict):
    """Where messages go; an empty server is the stack's own ntfy."""

    server: Annotated[str, AfterValidator(server)]
    topic: Annotated[
        str,
        matches("[A-Za-z0-9_-]{1,64}", "no ntfy topic", "letters, digits, '-' and '_', up to 64"),
    ]
    quiet_hours: Annotated[str, AfterValidator(quiet_hours)]


class Limits(Strict):
    """Seconds to wait before giving up."""

    lock_wait_seconds: Annotated[int, Field(ge=1, le=3600)]
    health_wait_seconds: Annotated[int, Field(ge=10, le=7200)]


class Monitor(Strict):
    """When Gluetun's dependents are brought back, and when no more; times are seconds."""

    healthy_seconds: Annotated[int, Field(ge=10, le=3600)]
    cascades_per_hour: Annotated[int, Field(ge=1, le=1000)]
    pause_seconds: Annotated[int, Field(ge=60, le=86400)]
    loop_cascades: Annotated[int, Field(ge=2, le=1000)]
    loop_seconds: Annotated[int, Field(ge=10, le=3600)]
    unhealthy_seconds: Annotated[int, Field(ge=10, le=3600)]
    restarts_per_hour: Annotated[int, Field(ge=0, le=60)]
    owner_unhealthy_seconds: Annotated[int, Field(ge=30, le=86400)]
    restart_owner_seconds: Annotated[int, AfterValidator(restart_owner)]
    reminder_seconds: Annotated[int, Field(ge=300, le=604800)]
    disk_free_least: Annotated[float, Field(ge=0, le=0.5)]
    metrics_port: Annotated[int, AfterValidator(metrics_port)]


class Updates(Strict):
    """When new images are installed, and what counts as a good one; times are seconds."""

    enabled: bool
    window: Annotated[str, AfterValidator(window)]
    stable_seconds: Annotated[int, Field(ge=1, le=3600)]
    deadline_seconds: Annotated[int, Field(ge=10, le=86400)]
    keep_days: Annotated[int, Field(ge=1, le=365)]
    port: Annotated[int, Field(ge=1024, le=65535)]


class Remote(Strict):
    """A restic repository on another machine; it may be named by its secret environment."""

    repository: Annotated[str, AfterValidator(restic_repository)] = ""
    append_only: bool = False


class Backup(Strict):
    """When and where state is backed up, and how long that is kept."""

    enabled: bool
    at: Annotated[str, AfterValidator(time_of_day)]
    local: bool
    remotes: dict[Annotated[str, AfterValidator(remote_name)], Remote]
    keep_daily: Annotated[int, Field(ge=1, le=3650)]
    keep_weekly: Annotated[int, Field(ge=0, le=520)]
    keep_monthly: Annotated[int, Field(ge=0, le=240)]
    check_percent: Annotated[int, Field(ge=1, le=100)]
    drill: bool
    rebuild_from: Annotated[str, AfterValidator(restic_repository)]


class Disk(Strict):
    """How much room is kept free on the disks, and what is done about it."""

    warn: Annotated[str, AfterValidator(space)]
    pause: Annotated[str, AfterValidator(space)]
    resume: Annotated[str, AfterValidator(space)]
    pause_downloads: bool


class Settings(Strict):
    """Everything the deploy is told: defaults, catalog and the user's own values, validated."""

    host: Host
    storage: Storage
    network: Network
    docker: Docker
    registry: Registry
    vpn: Vpn
    notify: Notify
    limits: Limits
    monitor: Monitor
    updates: Updates
    backup: Backup
    disk: Disk
    services: dict[str, Service]
    """The catalog with the user's changes and their own services; disabled ones included."""
    secrets: dict[str, SecretStr] = Field(repr=False)
    """The user's own secrets, "service/name"; generated ones are made on the host."""


SECTIONS: dict[str, type[Strict]] = {
    "host": Host,
    "storage": Storage,
    "network": Network,
    "docker": Docker,
    "registry": Registry,
    "vpn": Vpn,
    "notify": Notify,
    "limits": Limits,
    "monitor": Monitor,
    "updates": Updates,
    "backup": Backup,
    "disk": Disk,
}

Table = TypeVar("Table", bound=BaseModel)


class Parts(NamedTuple):
    """The valid parts of settings that may be broken elsewhere: what the checks look at."""

    sections: Mapping[str, BaseModel]
    services: Mapping[str, Service]
    """Valid ones, disabled ones included."""
    broken: set[str]
    """Names of the services that are not valid and therefore not in `services`."""
    overrides: Mapping[str, Any]
    """The user's `services` table as it was written."""
    secrets: Mapping[str, SecretStr]
    unsure: set[str]
    """Secrets that were given but wrong, or whose file could not be read: not "missing"."""
    secrets_file: str

    def table(self, model: type[Table]) -> Table | None:
        """Return the table of that type, None when it is not valid."""
        return next((part for part in self.sections.values() if isinstance(part, model)), None)

    def enabled(self) -> list[Service]:
        """Return the valid services that shall run."""
        return [service for service in self.services.values() if service.enabled]

    def owner(self) -> Service | None:
        """Return the service whose namespace the vpn zone lives in, None when it is not valid."""
        return next((service for service in self.services.values() if service.owner), None)
