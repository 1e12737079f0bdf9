"""What a service is: the one shape that catalog entries and the user's own services share.

The catalog holds `Service` values, a user's `services.<name>` table is laid over one of them (or
over nothing, for a service of their own) and validated by this same model, so a setting that the
catalog cannot express does not exist and an error carries the path the user typed. Everything here
is a fact about the container; what follows from several services together (clashes, zones that
cannot work) is checked in settings/.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

import tag_shape

Stack = Literal["downloads", "media", "ops"]
Zone = Literal["vpn", "bridge", "host"]

# "latest" is spelled out where upstream has nothing better; the image lock then holds the digest.
IMAGE_PATTERN = re.compile(r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$")
TAG_PATTERN = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")
NAME_PATTERN = re.compile(r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")
VARIABLE_PATTERN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")

Port = Annotated[int, Field(ge=1, le=65535)]


class Strict(BaseModel):
    """A model that refuses keys it does not know and cannot be changed once validated."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Health(Strict):
    """A health check, run inside the container with a tool that exists in its image (seconds)."""

    test: tuple[str, ...] = ()
    """Empty: the image brings its own HEALTHCHECK."""
    interval: int = 30
    timeout: int = 10
    retries: int = 3
    start_period: int = 60


class Secret(Strict):
    """A secret one service reads, kept on the host as secrets/<service>/<name> and nowhere else."""

    name: str
    origin: Literal["generated", "user", "copy"] = "generated"
    kind: Literal["hex32", "token", "password", "opaque"] = "password"
    source: str = ""
    """For a copy: "service/name" of the original."""
    required: bool = True
    mounted: bool = False
    """Mounted read-only at /run/secrets/<name>."""


class ConfigFile(Strict):
    """A configuration file that embeds secrets: a template here, filled in on the host."""

    template: str
    """Path below templates/services/."""
    target: str
    """Absolute path in the container; for a seed, the path below the service's config directory."""
    seed: bool = False
    """Written only while absent: from then on the app owns it."""


class DataMount(Strict):
    """A part of /data, seen in the container at the same path (imports stay hardlinks)."""

    path: str
    read_only: bool = False

    @field_validator("path")
    @classmethod
    def _is_below_data(cls, value: str) -> str:
        if value != "/data" and not value.startswith("/data/"):
            raise ValueError("must be /data or a path below it")
        return value


class Service(Strict):
    """One service: everything the deploy, the compose files, the checks and the docs derive from.

    Sizes are MiB, times are seconds. `address` is the host part within the bridge's subnet.
    """

    name: str
    summary: str
    enabled: bool = True
    """False removes it, also from the host; its state stays."""
    stack: Stack
    """The compose project it belongs to."""
    zone: Zone
    """vpn: in Gluetun's network namespace; bridge: on the containers' network; host."""
    owner: bool = False
    """The service whose network namespace the vpn zone lives in (Gluetun)."""
    image: str
    """Registry and path, without tag."""
    tag: str
    """The tag to start from; updates may move on from it."""
    updates: Literal["auto", "notify", "pinned"] = "auto"
    """auto: new versions are installed (major ones told); notify: only told; pinned: neither."""
    update_tags: str = ""
    """Tags an update may move to, as a regular expression; empty: those shaped like `tag`."""
    update_deadline: Annotated[int, Field(ge=10, le=86400)] | None = None
    """Seconds that a new version gets to be healthy; default updates.deadline_seconds."""
    unverified: str = ""
    """What nobody could check against upstream (the tag, the capabilities …)."""

    port: Port | None = None
    """Where it listens in its network namespace."""
    host_port: Port | None = None
    """The port on the host, where it is not `port`."""
    same_host_port: bool = False
    """The app compares the Host header with its own port: host_port must equal port."""
    extra_ports: tuple[Port, ...] = ()
    """Further ports, published under the same number."""
    publish: bool = False
    """Reachable from the LAN, at network.bind_address."""
    address: int | None = Field(default=None, ge=2, le=250)
    """Its place in network.subnet: 20 is 172.30.0.20."""
    egress: bool = False
    """May it leave the bridge, for internet and LAN? (vpn zone: only through the tunnel.)"""
    socket: Literal["read", "heal"] | None = None
    """Which Docker socket proxy it is, or may talk to."""
    socket_proxy: bool = False

    identity: Literal["linuxserver", "user", "image"] = "image"
    """linuxserver: starts as root, drops to PUID/PGID; user: runs as PUID:PGID from the start."""
    uid: int | None = None
    """The uid that owns its state where the image fixes it (else from `identity`)."""
    capabilities: tuple[str, ...] | None = ()
    """Added to none; None keeps Docker's default set (then `unverified` says so)."""
    devices: tuple[str, ...] = ()
    """Devices of the host, like /dev/dri:/dev/dri."""
    read_only: bool = False
    """Its root file system cannot be written."""
    tmpfs: tuple[str, ...] = ()
    """Directories in memory."""
    init: bool = False
    """A small init reaps what it leaves behind."""

    environment: dict[str, str] = {}
    """Never a secret. `{timezone}`, `{puid}`, `{bind_address}` … come from the settings."""
    mirror_environment: dict[str, str] = {}
    """Added where images come from a mirror (`{mirror_url}`)."""
    environment_file: str = ""
    command: tuple[str, ...] = ()
    """Replaces the image's own."""
    config_path: str = ""
    """Where its state lives in the container; empty: it has none."""
    databases: tuple[str, ...] = ()
    """SQLite files below config_path; copied through SQLite's backup API, never as files."""
    state_exclude: tuple[str, ...] = ()
    """Caches and logs below config_path: not part of the state."""
    backup: Literal["live", "stopped"] = "live"
    """live: backed up while it runs, its databases through SQLite; stopped: stopped for seconds."""
    data: tuple[DataMount, ...] = ()
    """The parts of /data it sees."""
    secrets: tuple[Secret, ...] = ()
    """What it reads at /run/secrets, or has in its own configuration."""
    files: tuple[ConfigFile, ...] = ()

    health: Health | None = None
    """How to ask it whether it works; without one it counts as well while it runs."""
    drill: bool = True
    """Whether the restore drill may start it on a restored copy: without network or the others."""
    stop_grace: int = 30
    """Seconds to end by itself before it is killed."""
    memory: int = 512
    """The most it may use, in MiB."""
    pids: int = 512
    """The most processes and threads it may have."""

    @field_validator("name")
    @classmethod
    def _name_is_a_host_name(cls, value: str) -> str:
        if not NAME_PATTERN.match(value):
            raise ValueError("must be lower-case letters, digits and hyphens")
        return value

    @field_validator("environment")
    @classmethod
    def _environment_names_are_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not VARIABLE_PATTERN.match(name):
                raise ValueError(f"{name!r} is no variable's name; fix: letters, digits and '_'")
        return value

    @field_validator("image")
    @classmethod
    def _image_names_its_registry(cls, value: str) -> str:
        if (
            "@" in value
            or not IMAGE_PATTERN.match(value)
            or "." not in value.split("/", maxsplit=1)[0]
        ):
            raise ValueError(
                "must be registry/path without tag or digest; "
                "fix: write it like docker.io/library/nginx and put the tag into `tag`"
            )
        return value

    @field_validator("tag")
    @classmethod
    def _tag_is_a_tag(cls, value: str) -> str:
        if not TAG_PATTERN.match(value):
            raise ValueError("is not an image tag; fix: letters, digits, '_', '.', '-' only")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Service:
        if self.publish and self.port is None:
            raise ValueError("publish needs a port; fix: set port or publish = false")
        if self.same_host_port and self.host_port not in (None, self.port):
            raise ValueError(
                "host_port must equal port: the app compares it with the Host header;"
                " fix: remove host_port"
            )
        if self.owner and self.egress:
            raise ValueError(
                "egress would let the vpn zone out beside the tunnel; fix: remove it, and name"
                " what may be called in vpn.outbound_subnets"
            )
        if self.zone == "bridge" and self.address is None and not self.socket_proxy:
            raise ValueError("a bridge service needs an address; fix: a free number 2-250")
        wrong = tag_shape.problem(self.update_tags, self.tag) if self.update_tags else ""
        if wrong:
            raise ValueError(f"update_tags {wrong}")
        return self

    @property
    def tag_pattern(self) -> str:
        """The tags an update may move to, as an anchored regular expression."""
        return self.update_tags or tag_shape.pattern(self.tag)

    @property
    def published_port(self) -> int | None:
        """The port on the host, or None when it is not published."""
        return (self.host_port or self.port) if self.publish or self.zone == "host" else None
