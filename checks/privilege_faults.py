"""What `privilege` must notice: a watcher with one right too many, a healer with a guard less."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator

from checks import box, runtime
from checks.framework import Context

WATCHER, HEALER = "mediastack-monitor.service", "mediastack-healer.service"
ACCOUNT = "mediastack-monitor"
DOOR = "/run/mediastack-healer/healer.sock"
SECRETS = "/etc/mediastack/secrets"
LIB = "/opt/mediastack/lib/mediastack/healer"
PLACE = "/run/check-privilege"
DROP_IN = f"/run/systemd/system/{WATCHER}.d/check.conf"
WELL_SECONDS = 60.0


@contextlib.contextmanager
def _changed(context: Context, do: str, undo: str) -> Iterator[None]:
    box.run(context.box, do)
    try:
        runtime.wait_until_well(context.box, WELL_SECONDS)
        yield
    finally:
        box.run(context.box, undo)


@contextlib.contextmanager
def _unit_with(context: Context, *lines: str) -> Iterator[None]:
    """The watcher's unit with more lines in its [Service]."""
    written = "\\n".join(("[Service]", *lines))
    again = f"systemctl daemon-reload && systemctl restart {WATCHER}"
    with _changed(
        context,
        f"mkdir -p $(dirname {DROP_IN}) && printf '{written}\\n' >{DROP_IN} && {again}",
        f"rm -r $(dirname {DROP_IN}) && {again}",
    ):
        yield


@contextlib.contextmanager
def _healer_with(context: Context, file: str, old: str, new: str) -> Iterator[None]:
    """The healer's program with one passage replaced."""
    path = f"{LIB}/{file}"
    script = (
        "import sys\npath, old, new = sys.argv[1:]\ntext = open(path).read()\n"
        "assert text.count(old) == 1, 'the passage is not there'\n"
        "open(path, 'w').write(text.replace(old, new))\n"
    )
    edit = shlex.join(["python3", "-c", script, path, old, new])
    with _changed(
        context,
        f"cp -p {path} {PLACE}/kept && {edit} && systemctl restart {HEALER}",
        f"cp -p {PLACE}/kept {path} && systemctl restart {HEALER}",
    ):
        yield


@contextlib.contextmanager
def group_docker(context: Context) -> Iterator[None]:
    """The watcher's account is in Docker's group."""
    with _changed(
        context,
        f"gpasswd --add {ACCOUNT} docker && systemctl restart {WATCHER}",
        f"gpasswd --delete {ACCOUNT} docker && systemctl restart {WATCHER}",
    ):
        yield


@contextlib.contextmanager
def capability(context: Context) -> Iterator[None]:
    """The watcher's unit may read every file."""
    with _unit_with(
        context,
        "CapabilityBoundingSet=CAP_DAC_READ_SEARCH",
        "AmbientCapabilities=CAP_DAC_READ_SEARCH",
    ):
        yield


@contextlib.contextmanager
def as_root(context: Context) -> Iterator[None]:
    """The watcher's unit runs as root, without capabilities."""
    with _unit_with(context, "User=root", "Group=root"):
        yield


@contextlib.contextmanager
def secrets_open(context: Context) -> Iterator[None]:
    """Secrets can be read by anybody."""
    key = f"{SECRETS}/sonarr/api_key"
    kept = f"{PLACE}/modes"
    with _changed(
        context,
        f"stat --format 'chmod %a %n' {SECRETS} {SECRETS}/sonarr {key} >{kept};"
        f" chmod o+rx {SECRETS} {SECRETS}/sonarr; chmod o+r {key}",
        f"sh {kept}",
    ):
        yield


@contextlib.contextmanager
def any_service(context: Context) -> Iterator[None]:
    """The healer takes any service's name."""
    old = "names = tuple(_one_of(name, known, key) for name in value)"
    with _healer_with(context, "protocol.py", old, "names = tuple(str(name) for name in value)"):
        yield


@contextlib.contextmanager
def words_to_compose(context: Context) -> Iterator[None]:
    """The healer hands words of the request on to Compose."""
    old = '        _only(request, ["verb", "services"])\n'
    new = (
        '        words = request.pop("arguments", [])\n'
        "        if words:\n"
        "            import subprocess\n"
        '            subprocess.run(["docker", "compose", *words])\n'
    )
    with _healer_with(context, "protocol.py", old, new + old):
        yield


@contextlib.contextmanager
def door_open(context: Context) -> Iterator[None]:
    """Anybody can connect to the healer's socket."""
    with _changed(context, f"chmod 0666 {DOOR}", f"chmod 0600 {DOOR}"):
        yield


@contextlib.contextmanager
def anybody_asks(context: Context) -> Iterator[None]:
    """The healer does not ask who connects."""
    with _healer_with(context, "sockets.py", "    if uid == 0:\n", "    if True:\n"):
        yield
