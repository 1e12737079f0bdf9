"""Drift: --dry names what a deploy then mends (killed deploys: scripts/check interrupt)."""

from __future__ import annotations

import house
import pytest

from checks import box, runtime
from checks.box import Host

pytestmark = pytest.mark.box

COMPOSE = "/opt/mediastack/stacks/media/compose.yaml"
CONFIG = "/etc/mediastack/mediastack.toml"
# Keeper and monitor first: they would mend some before the deploy looks.
SMALL_DRIFT = f"""
systemctl stop mediastack-keeper.service mediastack-monitor.service
echo '# by hand' >>{COMPOSE}
chmod 0666 {CONFIG}
docker rm --force dozzle >/dev/null 2>&1
docker kill tautulli >/dev/null 2>&1
true
"""
STALE_NAMESPACE = """
docker restart gluetun >/dev/null
until docker inspect gluetun | grep -q '"Status": "healthy"'; do sleep 0.2; done
"""
MENDED = {"Base | Managed files", "Programs | Units and timers", "Stacks | Containers"}


def unwell(host: Host) -> list[str]:
    """What is not running, healthy and in its namespace, asked of Docker and the kernel."""
    return runtime.problems(runtime.look(host), runtime.expected())


def assert_mended(host: Host) -> None:
    """Nothing of the drift is left, and a further deploy finds nothing to do."""
    assert "by hand" not in box.run(host, f"cat {COMPOSE}")
    assert box.run(host, f"stat -c %a {CONFIG}") == "644\n"
    units = "mediastack-keeper.service mediastack-monitor.service"
    assert box.run(host, f"systemctl is-active {units}") == "active\n" * 2
    assert unwell(host) == []
    assert box.deploy(host).changed == []


def test_what_dry_predicts_is_what_the_deploy_changes(host: Host) -> None:
    box.run(host, SMALL_DRIFT + STALE_NAMESPACE)
    assert "sonarr is not in the namespace of gluetun" in unwell(host)
    planted = house.managed_files(host), house.ids(host)
    predicted = set(box.deploy(host, "--dry").changed)
    assert (house.managed_files(host), house.ids(host)) == planted
    assert predicted == MENDED
    assert set(box.deploy(host).changed) == MENDED
    assert_mended(host)
