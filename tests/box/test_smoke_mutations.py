"""Real faults in the deployed box: the smoke suite names each one, a deploy mends them all.

The faults pile up in one box (MEDIASTACK_BOX, default the one of scripts/try), the keeper being
stopped first, since it would mend some before anybody looked. Each must add exactly the failures
that are its own to those of the faults before it. At the end a deploy repairs, and nothing fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from sandbox import box, state

pytestmark = pytest.mark.box

NAME = os.environ.get("MEDIASTACK_BOX", "box").partition(",")[0]
KEY = "/etc/mediastack/secrets/sonarr/api_key"
COMPOSE = "/opt/mediastack/stacks/media/compose.yaml"
TIMER = "/etc/systemd/system/mediastack-doctor.timer"
COMPLETION = "/etc/bash_completion.d/stack-manage"
IN_NTFY = "$(docker inspect --format '{{.Image}}' ntfy)"
FAILED = re.compile(r"^FAILED tests/smoke/\w+\.py::test_(\S+)", re.MULTILINE)


class Fault(NamedTuple):
    """What to do to the box, the checks that must fail of it, and what a deploy leaves to undo."""

    plant: str
    failures: set[str]
    undo: str = ""


FAULTS = {
    "unit stopped": Fault(
        "systemctl stop mediastack-keeper.service",
        {"unit_is_enabled_active_and_current[mediastack-keeper.service]"},
    ),
    "timer masked": Fault(
        f"ln -sf /dev/null {TIMER} && systemctl daemon-reload",
        {
            "unit_is_enabled_active_and_current[mediastack-doctor.timer]",
            f"managed_path_is_as_deployed[{TIMER}]",
        },
    ),
    "secret readable": Fault(
        f"chmod 0644 {KEY}",
        {
            f"secret_is_there_for_its_one_reader[{KEY}]",
            "nothing_below_the_secrets_is_open_to_others[host]",
        },
    ),
    "compose edited": Fault(
        f"echo '# by hand' >>{COMPOSE}", {f"managed_path_is_as_deployed[{COMPOSE}]"}
    ),
    "file removed": Fault(f"rm {COMPLETION}", {f"managed_path_is_as_deployed[{COMPLETION}]"}),
    "service on another network": Fault(
        "docker network create --internal smoke-fault >/dev/null"
        " && docker network connect smoke-fault seerr",
        {"service_is_in_the_namespace_of_its_zone[seerr]"},
        undo="docker rm --force seerr; docker network rm smoke-fault",
    ),
    "port published": Fault(
        "docker run --detach --name smoke-fault --network homelab_media_network"
        f" --publish 9999:80 --entrypoint sleep {IN_NTFY} 600",
        {"host_listens_only_where_something_is_published[host]"},
        undo="docker rm --force smoke-fault",
    ),
    "guest in the vpn zone": Fault(
        "docker run --detach --name smoke-guest --network container:gluetun"
        f" --entrypoint sleep {IN_NTFY} 600",
        {"no_foreign_container_is_in_a_namespace_of_ours[host]"},
        undo="docker rm --force smoke-guest",
    ),
    "dependents in a dead namespace": Fault(
        "docker restart gluetun"
        ' && timeout 30 sh -c \'until docker inspect gluetun | grep -q \\"healthy\\"; do'
        " sleep 0.2; done'",
        {
            f"service_is_in_the_namespace_of_its_zone[{name}]"
            for name in ("qbittorrent", "sonarr", "radarr", "prowlarr", "unpackerr")
        },
    ),
    "sentinel gone": Fault(
        "rm /data/.mediastack-sentinel",
        {
            "managed_path_is_as_deployed[/data/.mediastack-sentinel]",
            "media_disk_is_mounted_marked_and_whole[host]",
            "service_was_made_from_the_deployed_description[plex]",
        },
    ),
}


def execute(command: str) -> None:
    """As root in the box; a failure fails the test, with what was said."""
    box.execute(box.load(NAME), command)


def smoke() -> set[str]:
    """The names of the smoke checks that fail now."""
    done = subprocess.run(
        ["scripts/smoke", "-p", "no:cacheprovider"],
        cwd=state.ROOT,
        env={**os.environ, "MEDIASTACK_BOX": NAME},
        capture_output=True,
        text=True,
        check=False,
    )
    failures = set(FAILED.findall(done.stdout))
    assert done.returncode == (1 if failures else 0), done.stdout + done.stderr
    return failures


def deploy() -> None:
    """The deploy, as a user runs it."""
    done = subprocess.run(
        [f"{sys.prefix}/bin/pyinfra", "inventory.py", "deploy.py", "-y"],
        cwd=state.ROOT,
        env={**os.environ, "MEDIASTACK_BOX": NAME},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def before() -> Iterator[set[str]]:
    """Failures so far; whatever happens, the box is whole again at the end."""
    if smoke():
        deploy()
        assert smoke() == set()
    failures = {"whatever was planted"}
    yield failures
    if failures:
        for fault in FAULTS.values():
            if fault.undo:
                execute(f"{{ {fault.undo}; }} >/dev/null 2>&1 || true")
        deploy()


@pytest.mark.parametrize("name", FAULTS)
def test_fault_in_the_box_fails_its_own_checks(before: set[str], name: str) -> None:
    execute(FAULTS[name].plant)
    now = smoke()
    assert now - before >= FAULTS[name].failures
    before |= now


def test_a_deploy_mends_every_fault(before: set[str]) -> None:
    for fault in FAULTS.values():
        if fault.undo:
            execute(fault.undo)
    deploy()
    assert smoke() == set()
    before.clear()
