"""What several catalog entries have in common: health checks by tool, LinuxServer, /data."""

from __future__ import annotations

from service import DataMount, Health, Secret

# What the start of a LinuxServer image needs: root -> usermod -> chown -> drop to PUID/PGID.
LINUXSERVER = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL")
# What migrates its databases at the first start of a new version gets so many seconds for it: on
# a small machine with a large library that takes minutes, and to be rolled back meanwhile is worse.
MIGRATES = 1800
ALL_DATA = (DataMount(path="/data"),)
# What an app shows at the host's door, where its webhook becomes a message on your phone.
HOOK_TOKEN = Secret(name="hook_token", kind="opaque")
UNVERIFIED_CAPABILITIES = "capability needs: keeps Docker's default set"


def curl(url: str, **timing: int) -> Health:
    """A check for images that ship curl."""
    return Health(test=("CMD", "curl", "-fsS", "-o", "/dev/null", url), **timing)


def wget(url: str, **timing: int) -> Health:
    """A check for images that ship only BusyBox wget (127.0.0.1: localhost may resolve to ::1)."""
    return Health(test=("CMD", "wget", "-q", "-O", "/dev/null", url), **timing)
