"""The updater's door on a real host: from What's Up Docker's network, from others', killed."""

from __future__ import annotations

import json
import shlex

import house
import pytest

from checks import box
from checks.box import Host

pytestmark = pytest.mark.box

NEW = "/var/lib/mediastack/inbox/new"
TOKEN = "/etc/mediastack/secrets/updater/webhook_token"
SERVICE, PATH = "mediastack-updater.service", "mediastack-inbox.path"
# No such tag exists: whoever takes the hint finds nothing to do.
TAG = "0.0.1-box"
# The token never leaves the box; what is printed is the statuses.
POST = """
import collections, concurrent.futures, http.client, json, sys
token, body, count = open({token!r}).read(), json.dumps({body!r}), {count}
def post(_):
    try:
        door = http.client.HTTPConnection("172.30.0.1", 8195, timeout=5)
        door.request("POST", "/hooks/wud", body, {{"Authorization": "Bearer " + token}})
        return door.getresponse().status
    except OSError:
        return 0
with concurrent.futures.ThreadPoolExecutor(10) as pool:
    print(json.dumps(collections.Counter(pool.map(post, range(count)))))
"""


def deliver(
    host: Host, name: str, tag: str, *, count: int = 1, inside: str = "wud"
) -> dict[str, int]:
    """Post from within a container's network ("": the host's own); how often which status came."""
    body = {"name": name, "result": {"tag": tag}}
    program = shlex.quote(POST.format(token=TOKEN, body=body, count=count))
    pid = f"$(docker inspect -f '{{{{.State.Pid}}}}' {inside})"
    enter = f"nsenter --net=/proc/{pid}/ns/net " if inside else ""
    found: dict[str, int] = json.loads(box.run(host, f"{enter}python3 -c {program}"))
    return found


def waiting(host: Host, tag: str) -> list[str]:
    """The deliveries of this tag that wait; What's Up Docker may deliver others meanwhile."""
    return box.run(host, f"grep -ls '\"{tag}\"' {NEW}/* || true").split()


@pytest.fixture
def reads_nothing(host: Host):
    """The inbox is not read for as long as the test lasts."""
    box.run(host, f"systemctl stop {PATH}")
    yield
    box.run(host, f"systemctl start {PATH}; systemctl start {SERVICE}")


def test_duplicates_from_wud_are_one_delivery_and_one_hint(host: Host, reads_nothing: None) -> None:
    assert deliver(host, "sonarr", TAG, count=60) == {"202": 60}
    assert len(waiting(host, TAG)) == 1
    box.run(host, "systemctl start mediastack-inbox.service")
    assert house.wait_for(lambda: waiting(host, TAG) == [], 20)


def test_nobody_but_wud_delivers_with_its_token(host: Host, reads_nothing: None) -> None:
    for inside in ("seerr", "gluetun"):
        assert deliver(host, "sonarr", "0.0.2-box", inside=inside) == {"401": 1}
    # The host's own connections come from another network's address there: refused at once.
    assert set(deliver(host, "sonarr", "0.0.2-box", inside="")) <= {"0", "401"}
    assert waiting(host, "0.0.2-box") == []


def test_a_delivery_outlives_a_door_that_is_killed(host: Host, reads_nothing: None) -> None:
    assert deliver(host, "radarr", "0.0.3-box") == {"202": 1}
    box.run(host, f"systemctl kill --signal KILL {SERVICE}")
    (name,) = waiting(host, "0.0.3-box")
    assert house.wait_for(lambda: box.succeeds(host, f"systemctl is-active -q {SERVICE}"), 20)
    assert deliver(host, "radarr", "0.0.3-box") == {"202": 1}
    assert waiting(host, "0.0.3-box") == [name]


def test_the_door_has_no_rights_and_no_network(host: Host) -> None:
    pid = box.run(host, f"systemctl show -p MainPID --value {SERVICE}").strip()
    status = box.run(host, f"cat /proc/{pid}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1" and fields["Uid"].split()[0] != "0"
    devices = box.run(host, f"cat /proc/{pid}/net/dev").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    uid, gid = (fields[name].split()[0] for name in ("Uid", "Gid"))
    as_it = f"nsenter --target {pid} --mount --setuid {uid} --setgid {gid} --"
    assert box.succeeds(host, f"{as_it} test -w {NEW}")
    for path in ("/etc/mediastack/secrets", "/var/lib/mediastack/spool", "/srv", "/root"):
        assert not box.succeeds(host, f"{as_it} ls {path} >/dev/null 2>&1")
    for path in ("/run/docker.sock", "/etc/mediastack/mediastack.toml", "/tmp", "/var/tmp"):
        assert not box.succeeds(host, f"{as_it} test -w {path}")
