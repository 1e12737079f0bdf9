"""The restore drill on a deployed host: proven, or found out; and nothing of it stays behind.

What is wrong is put into a snapshot by the product's own backup, between its staging and its save,
so everything else in that snapshot is as it should be.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import house
import pytest

from checks import box
from checks.box import Host

pytestmark = pytest.mark.box

MEDIASTACK = "/opt/mediastack/bin/mediastack"
SCRATCH = "/srv/mediastack/config/.mediastack-backup/drill"
REPORT = "/var/lib/mediastack/backup.json"
LABEL = "io.mediastack.drill"
TIMER = "mediastack-backup.timer"
LONGEST_SECONDS = 900.0
RESTIC = (
    "RESTIC_PASSWORD_FILE=/etc/mediastack/secrets/backup/repository_password"
    " RESTIC_REPOSITORY=/srv/mediastack/backups/restic restic --no-cache"
)
# A backup in which something is wrong: `change` is done when all is staged, `undo` afterwards.
FORGE = """
import json, os, sys
from mediastack import config as configuration
from mediastack.backup import run, settings, staging
from mediastack.docker_images import DockerImages

def prepare(config, docker):
    staged = staging.prepare(config, docker)
    stage, made = staged.manifest["paths"]["stage"], staged.manifest
    {change}
    with open(stage + "/manifest.json", "w") as stream:
        json.dump(made, stream)
    return staged

config = configuration.load()
try:
    code = run.backup(config, DockerImages(), settings.targets(config)[:1], prepare=prepare)
finally:
    {undo}
sys.exit(code)
"""
FORGET_DRILL = f"""
import json
with open({REPORT!r}, "r+") as stream:
    found = json.load(stream)
    found.pop("drill", None)
    stream.seek(0)
    stream.truncate()
    json.dump(found, stream)
"""
PYTHON = "PYTHONPATH=/opt/mediastack/lib /opt/mediastack/venv/bin/python3 -"
DAMAGED = """
    with open(stage + "/databases/sonarr/sonarr.db", "r+b") as stream:
        stream.seek(-300, os.SEEK_END)
        stream.write(os.urandom(300))
"""
ONE_ROW_MORE = 'made["services"]["radarr"]["databases"]["radarr.db"]["tables"]["starts"] += 1'
# Read when it starts, so the running one goes on.
CONTROL = "/srv/mediastack/config/tautulli/.standin.json"
ENDS_BY_ITSELF = f"""
    with open("{CONTROL}", "w") as stream:
        stream.write('{{"restarts": 99}}')
"""
ALL_OF_THEM = f"{DAMAGED}\n    {ONE_ROW_MORE}\n{ENDS_BY_ITSELF}"
STARTED = {
    *("qbittorrent", "prowlarr", "sonarr", "radarr", "bazarr", "plex", "tautulli"),
    *("seerr", "maintainerr", "suggestarr", "ntfy"),
}
# And those that are restored but cannot be started.
EVERY = len(STARTED) + 5


@pytest.fixture(scope="module")
def backed_up(host: Host) -> Iterator[Host]:
    """A host with a good backup, on which none is made by itself meanwhile."""
    box.run(host, f"systemctl stop {TIMER}")
    before = set(snapshots(host))
    try:
        box.run(host, f"{MEDIASTACK} backup", timeout=LONGEST_SECONDS)
        yield host
    finally:
        box.run(host, f"rm -f {CONTROL}")
        # The last one of ours is a good one and may stay.
        box.run(host, f"{MEDIASTACK} backup", timeout=LONGEST_SECONDS)
        for one in [one for one in snapshots(host) if one not in before][:-1]:
            box.run(host, f"{RESTIC} forget -q {one}")
        # The doctor names a drill that has failed until there is a better one.
        box.run(host, "python3 -", stdin=FORGET_DRILL)
        box.run(host, f"systemctl start {TIMER}")


def snapshots(host: Host) -> list[str]:
    """The snapshots that restic itself lists, the oldest first."""
    listed = box.run(host, f"{RESTIC} snapshots --json 2>/dev/null || echo '[]'")
    found = sorted(json.loads(listed) or [], key=lambda one: one["time"])
    return [one["id"] for one in found]


def drill(host: Host, *words: str) -> house.Outcome:
    """Do the drill."""
    done = subprocess.run(
        [*box.arguments(host), " ".join([MEDIASTACK, "restore-drill", *words])],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    return house.Outcome(done.returncode, done.stdout + done.stderr)


def left(host: Host) -> list[str]:
    """What is there of a drill: containers by Docker's word, its directory by the file system's."""
    containers = box.run(host, f"docker ps -aq --filter label={LABEL}").split()
    return containers + box.run(host, f"ls -d {SCRATCH} 2>/dev/null || true").split()


def report(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(box.run(host, f"cat {REPORT}"))
    return found


def forged(host: Host, change: str, undo: str = "pass") -> None:
    """Make a backup in which something is wrong."""
    program = FORGE.format(change=change.strip(), undo=undo)
    box.run(host, PYTHON, stdin=program, timeout=LONGEST_SECONDS)


def test_a_good_backup_is_proven_by_every_app_and_nothing_stays(backed_up: Host) -> None:
    running = house.ids(backed_up)
    code, printed = drill(backed_up)
    assert code == 0, printed
    assert left(backed_up) == []
    assert house.ids(backed_up) == running
    proven = report(backed_up)["proven"]
    assert proven["snapshot"] == snapshots(backed_up)[-1]
    started = [line.split()[0] for line in printed.splitlines() if "well after" in line]
    assert set(started) == STARTED
    assert len([line for line in printed.splitlines() if " restored" in line]) == EVERY
    keyed = [line.split()[0] for line in printed.splitlines() if "takes its key" in line]
    assert set(keyed) == {"prowlarr", "sonarr", "radarr"}
    assert "last proven restore: 0 min ago" in house.manage(backed_up, "status").printed
    found = json.loads(box.run(backed_up, f"{MEDIASTACK} doctor --json || true"))["findings"]
    assert [one["ok"] for one in found if one["check"] == "restore-drill"] == [True]


def test_a_bad_backup_is_found_out_and_told(backed_up: Host) -> None:
    before = report(backed_up)["proven"]
    forged(backed_up, ALL_OF_THEM, f'os.unlink("{CONTROL}")')
    code, printed = drill(backed_up)
    assert code == 1
    found = report(backed_up)
    for words in (
        "sonarr: database sonarr.db",
        "radarr: database radarr.db: /srv/mediastack/config/radarr/radarr.db: starts has",
        "tautulli: its app ended with 0",
    ):
        assert words in printed
        assert words in found["drill"]["error"]
    assert len([line for line in printed.splitlines() if "restored" in line]) == EVERY - 3
    assert left(backed_up) == []
    # What was proven before stays what is proven.
    assert found["proven"] == before
    assert "restore failed in its drill" in house.manage(backed_up, "doctor").printed
    assert house.wait_for(
        lambda: any(
            "restore drill failed" in one.get("title", "") for one in house.messages(backed_up)
        ),
        60,
    )
    box.run(backed_up, f"{MEDIASTACK} backup", timeout=LONGEST_SECONDS)


@pytest.mark.parametrize("moment", ["while it restores", "while an app runs"])
def test_killed_in_its_middle_the_next_pass_of_the_timer_sweeps(
    backed_up: Host, moment: str
) -> None:
    begin = f"echo $$ >/run/drill.pid; exec {MEDIASTACK} restore-drill"
    box.run(backed_up, f"setsid sh -c '{begin}' >/run/drill.log 2>&1 </dev/null &")
    waits_for = (
        f"test -d {SCRATCH}"
        if moment == "while it restores"
        else f"docker ps -q --filter label={LABEL} | grep -q ."
    )
    assert house.wait_for(lambda: box.succeeds(backed_up, waits_for), 300)
    if moment == "while an app runs":
        shown = f"docker ps -q --filter label={LABEL} | xargs -r docker inspect"
        for one in json.loads(box.run(backed_up, shown)):
            assert one["HostConfig"]["NetworkMode"] == "none"
            assert one["NetworkSettings"]["Ports"] == {}
            sources = [mount["Source"] for mount in one["Mounts"] if mount["Type"] == "bind"]
            assert sources and all(source.startswith(f"{SCRATCH}/") for source in sources)
    box.run(backed_up, "kill -KILL $(cat /run/drill.pid)")
    assert left(backed_up) != []
    box.run(backed_up, f"{MEDIASTACK} backup --due", timeout=LONGEST_SECONDS)
    assert left(backed_up) == []
    # And the one after it has nothing in its way.
    code, printed = drill(backed_up, "--service", "sonarr")
    assert code == 0, printed
    assert left(backed_up) == []


def test_ended_by_systemd_it_leaves_nothing(backed_up: Host) -> None:
    unit = "drill-of-a-test"
    box.run(backed_up, f"systemd-run --quiet --collect --unit={unit} --property=KillMode=mixed"
                       f" {MEDIASTACK} restore-drill")  # fmt: skip
    runs = f"docker ps -q --filter label={LABEL} | grep -q ."
    assert house.wait_for(lambda: box.succeeds(backed_up, runs), 300)
    box.run(backed_up, f"systemctl stop {unit}")
    assert left(backed_up) == []
