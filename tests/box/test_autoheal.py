"""Autoheal in the deployed box: one that hangs is restarted, recorded and told; no vpn service is.

Two services get a health check that a test can fail and that a restart mends, as it mends a program
that hangs: /dev/shm is new in each life of a container.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import house
import pytest

from checks import box
from checks.box import Host

pytestmark = pytest.mark.box

BRIDGE, VPN = "tautulli", "flaresolverr"
HEALTH = """
[services.{name}.health]
test = ["CMD-SHELL", "test ! -e /dev/shm/sick"]
interval = 1
retries = 2
start_period = 1
"""
STATE = "/var/lib/mediastack"
LEDGER = f"{STATE}/ledger.jsonl"
# A third restart within an hour is told otherwise, a second within minutes later: both on purpose.
FORGET = f"""
systemctl stop mediastack-keeper.service
rm -f {STATE}/autoheal.json {STATE}/spool/windows.jsonl
systemctl start mediastack-keeper.service
"""


@pytest.fixture(scope="module")
def fragile(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The deployed box whose two services can be made sick; as it was afterwards."""
    path = house.settings_file(
        tmp_path_factory.mktemp("settings"), "".join(HEALTH.format(name=n) for n in (BRIDGE, VPN))
    )
    with house.with_settings(path):
        box.deploy(host)
    box.run(host, FORGET)
    assert house.wait_for(lambda: box.succeeds(host, f"test -e {STATE}/autoheal.json"), 20)
    yield host
    box.deploy(host)


def entries(host: Host) -> list[dict[str, Any]]:
    """What the ledger has of Autoheal's doing."""
    lines = box.run(host, f"cat {LEDGER}").splitlines()
    return [one for one in map(json.loads, lines) if one["actor"] == "autoheal"]


def told(host: Host) -> dict[str, str]:
    """{id: title} of what has arrived at ntfy."""
    return {one["id"]: one.get("title", "") for one in house.messages(host)}


def started(host: Host, name: str) -> str:
    """When this container's present life began."""
    return str(house.containers(host)[name]["State"]["StartedAt"])


def test_the_hanging_are_restarted_recorded_and_told_once_and_the_vpn_zone_is_left_alone(
    fragile: Host,
) -> None:
    host = fragile
    before = {name: started(host, name) for name in (BRIDGE, VPN)}
    messages, recorded = told(host), entries(host)
    moment = box.run(host, "date +%s").strip()
    # The vpn service first: when the other is restarted, Autoheal has seen both unhealthy.
    for name in (VPN, BRIDGE):
        box.run(host, f"docker exec {name} touch /dev/shm/sick")
    assert house.wait_for(lambda: started(host, BRIDGE) != before[BRIDGE], 30)
    assert house.wait_for(lambda: house.state(host, BRIDGE) == "healthy", 10)
    assert house.wait_for(lambda: len(entries(host)) > len(recorded), 20)
    (entry,) = entries(host)[len(recorded) :]
    assert (entry["subject"], entry["outcome"]) == (BRIDGE, "restarted")
    assert house.wait_for(lambda: len(told(host)) > len(messages), 15)
    new = [title for one, title in told(host).items() if one not in messages]
    assert new == [f"{BRIDGE} was restarted"]
    assert house.state(host, VPN) == "unhealthy"
    assert started(host, VPN) == before[VPN]
    log = box.run(host, f"docker logs --since {moment} autoheal 2>&1")
    assert BRIDGE in log
    assert VPN not in log


def test_no_container_of_gluetuns_group_carries_autoheals_label(host: Host) -> None:
    found = house.containers(host)
    owner = found["gluetun"]["Id"]
    group = {
        name
        for name, one in found.items()
        if name == "gluetun" or one["HostConfig"]["NetworkMode"] == f"container:{owner}"
    }
    labelled = {name for name, one in found.items() if "autoheal" in one["Config"]["Labels"]}
    assert VPN in group
    assert BRIDGE in labelled
    assert not group & labelled
