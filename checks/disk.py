"""/data of the box, taken away and given back in every way a disk can go: hands of `mounts`."""

from __future__ import annotations

import time
from typing import Any

import host_settings
from checks import box, runtime
from checks.box import Host
from checks.framework import CheckError
from settings import gateway

FSTAB_LINE = "/mnt/disk /data"
OTHER = "/mnt/check-other"
# Nobody else may see what is below the mount point, nor what we do there.
ALONE = "unshare --mount --propagation private"


def below(host: Host, **values: Any) -> dict[str, Any]:
    """The bare directory below the mounts of /data: {path: mode, owner, content}."""
    found: dict[str, Any] = box.inside(host, "below", wrapper=ALONE, **values)
    return found


def forget_at_boot(host: Host) -> None:
    """From the next boot on nobody mounts /data."""
    box.run(host, f"sed -i 's|^{FSTAB_LINE}|#check &|' /etc/fstab && grep -q '^#check' /etc/fstab")


def mount(host: Host) -> None:
    """Mount /data as fstab says, as the user would."""
    box.run(host, "sed -i 's|^#check ||' /etc/fstab && systemctl daemon-reload && mount /data")


def lose(host: Host) -> None:
    """Take the topmost mount of /data away under those who use it."""
    box.run(host, "umount --lazy /data")


def make_stale(host: Host) -> None:
    """Mount a FUSE file system over /data and kill its server: "endpoint is not connected"."""
    _serve_with(host, "KILL")
    if box.succeeds(host, "ls /data"):
        raise CheckError("/data still answers although its server is dead")


def make_hang(host: Host) -> None:
    """Mount a FUSE file system over /data and pause its server: every access waits for ever."""
    _serve_with(host, "STOP")
    if box.succeeds(host, "timeout --signal KILL 1 stat /data/.mediastack-sentinel"):
        raise CheckError("/data still answers although its server is paused")


def _serve_with(host: Host, signal: str) -> None:
    if not box.succeeds(host, "command -v bindfs"):
        install = "apt-get install -y -qq --no-install-recommends bindfs"
        if not box.succeeds(host, install):
            box.run(host, f"apt-get update -qq && {install}")
    # In one breath: alive, it would be an ordinary other disk.
    box.run(host, f"bindfs -o nonempty /mnt/disk /data && kill -{signal} $(pgrep -x bindfs)")


def replace(host: Host) -> None:
    """Mount another disk over /data: the same directories, a sentinel of its own."""
    box.run(
        host,
        f"mkdir -p {OTHER} && cd /data && find . -xdev -type d -exec mkdir -p {OTHER}/{{}} ';'"
        f" && chown -R --reference=/data {OTHER}"
        f" && cp .mediastack-sentinel {OTHER}/ && mount --bind {OTHER} /data",
    )


def restore(host: Host) -> None:
    """Whatever happened to it: /data is its disk again, and only that."""
    end_server(host)
    mounted = runtime.look(host)["mounted"]
    for _ in mounted[1:]:
        lose(host)
    if not mounted:
        mount(host)
    box.run(host, f"sed -i 's|^#check ||' /etc/fstab; rm -rf {OTHER} /mnt/disk/.check-*")


def message(host: Host, since: float, priority: int = 5) -> str:
    """The title of a message about /data of at least this priority (5: urgent) that arrived after
    `since`, "" when none did."""
    settings = host_settings.load(*runtime.SANDBOX_SETTINGS)
    ntfy = runtime.services()["ntfy"]
    address = f"{gateway(settings).rsplit('.', 1)[0]}.{ntfy.address}"
    try:
        found = box.inside(
            host,
            "messages",
            url=f"http://{address}:{ntfy.port}",
            topic=settings.notify.topic,
            since=int(since),
        )
    except CheckError:
        return ""  # ntfy itself may still be on its way up
    loud = [one for one in found if (one["priority"] or 3) >= priority]
    return next((one["title"] for one in loud if "/data" in (one["title"] or "")), "")


def forget_messages(host: Host) -> None:
    """Messages of an earlier case would hold those of the next back: storms are folded."""
    units = "mediastack-notify.path mediastack-notify.service"
    forget = "rm -f /var/lib/mediastack/spool/windows.jsonl"
    box.run(host, f"systemctl stop {units}; {forget}; systemctl start mediastack-notify.path")


def box_time(host: Host) -> float:
    """The box's clock; less a second, because ntfy's messages carry whole seconds."""
    return float(box.run(host, "date +%s.%N")) - 1.0


def elsewhere(seen: dict[str, Any]) -> list[str]:
    """Running services that hold another /data than the host's (needs a look `with_data`)."""
    return [
        f"{name} holds another {', '.join(one['elsewhere'])}"
        for name, one in sorted(seen["containers"].items())
        if one["elsewhere"]
    ]


def wait_until_back(host: Host, seconds: float) -> float:
    """Wait until all is well and on the host's /data; return the seconds it took."""

    def missing() -> str:
        seen = box.inside(host, "containers", with_data=True)
        found = [*runtime.problems(seen, runtime.expected()), *elsewhere(seen)]
        return "; ".join(found[:6])

    return runtime.wait_until("everything well and on the mounted /data", missing, seconds)


def running(host: Host) -> list[str]:
    """The services with /data that run at this moment (by Docker's list: while a start hangs on a
    dead mount, an inspect does as well)."""
    listed = box.run(host, "docker ps --filter status=running --format '{{.Names}}'").split()
    return sorted(runtime.with_data() & set(listed))


def end_server(host: Host) -> None:
    """Give the server of a FUSE /data up: whoever waited for it gets an error."""
    box.run(host, "pkill -KILL -x bindfs || true")


def watch_none_runs(host: Host, seconds: float) -> list[str]:
    """Services with /data that were seen running within the next `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := running(host):
            return found
        time.sleep(runtime.POLL_SECONDS)
    return []
