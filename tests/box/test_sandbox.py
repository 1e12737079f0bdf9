"""The sandbox itself: a fresh server, reached over a pinned key, with no way out.

What must not get out is sent to two documentation addresses only. A box sends such packets to its
own internet; here it takes the outer machine for its gateway instead, which is the way that must be
closed. On that machine the two are routed, each by a host route of its own (a wider one could take
the machine's mirrors away), to a network namespace this module makes: it records what arrives, and
a rule that lets exactly that address pass proves that it would have arrived.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Iterator

import pytest

from sandbox import box, images, internet, lifecycle, names, network, state

pytestmark = pytest.mark.box

NAME = "sandbox-test"
SINK = "mssink"
SINKS = {"iptables": "198.51.100.254", "ip6tables": "2001:db8:ffff::254"}
GATEWAY_IPV6 = "2001:db8:89::1"
SINK_PORT = 9999
LISTENER = f"""
import socket, sys
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", {SINK_PORT}))
print("ready", flush=True)
while True:
    print(server.recvfrom(100)[0].decode(), flush=True)
"""
SENDER = f"""
import socket, sys
address, word = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
sock = socket.socket(family, socket.SOCK_DGRAM)
for _ in range(3):
    sock.sendto(word.encode(), (address, {SINK_PORT}))
"""


def host(*arguments: str) -> str:
    """Run a program on the outer machine."""
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def fresh_box() -> Iterator[state.Box]:
    box.remove(NAME)
    yield lifecycle.up(NAME, assume_yes=True)
    box.remove(NAME)


class Sink:
    """A namespace behind the outer machine that writes down every datagram it gets."""

    def __init__(self) -> None:
        self._log = (state.directory(NAME) / "sink.log").open("w+")
        self._listener = subprocess.Popen(
            ["ip", "netns", "exec", SINK, "python3", "-c", LISTENER],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        assert self.waits_for("ready")

    def words(self) -> list[str]:
        self._log.seek(0)
        return self._log.read().split()

    def waits_for(self, word: str, seconds: float = 5) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if word in self.words():
                return True
            time.sleep(0.05)
        return False

    def close(self) -> None:
        self._listener.kill()
        self._listener.wait()
        self._log.close()


@pytest.fixture(scope="module")
def sink(fresh_box: state.Box) -> Iterator[Sink]:
    subprocess.run(["ip", "netns", "delete", SINK], capture_output=True, check=False)
    host("ip", "netns", "add", SINK)
    host("ip", "link", "add", "mssink0", "type", "veth", "peer", "name", "eth0", "netns", SINK)
    host("ip", "link", "set", "mssink0", "up")
    inside = ("ip", "-n", SINK)
    host(*inside, "address", "add", f"{SINKS['iptables']}/32", "dev", "eth0")
    host(*inside, "address", "add", f"{SINKS['ip6tables']}/128", "dev", "eth0", "nodad")
    host(*inside, "link", "set", "lo", "up")
    host(*inside, "link", "set", "eth0", "up")
    host("ip", "route", "add", f"{SINKS['iptables']}/32", "dev", "mssink0")
    host("ip", "-6", "route", "add", f"{SINKS['ip6tables']}/128", "dev", "mssink0")
    made = Sink()
    yield made
    made.close()
    host("ip", "netns", "delete", SINK)


def send(fresh_box: state.Box, address: str, word: str) -> None:
    command = [*box.ssh_arguments(fresh_box), f"python3 - {address} {word}"]
    subprocess.run(command, check=True, input=SENDER, text=True, capture_output=True, timeout=20)


def test_ssh_answers_to_our_key_and_only_with_the_pinned_host_key(fresh_box: state.Box) -> None:
    assert box.execute(fresh_box, "id -u") == "0"
    other = state.directory(NAME) / "wrong_known_hosts"
    wrong_key = state.public_key(NAME, state.CLIENT_KEY).split()[:2]
    other.write_text(f"{fresh_box.address} {' '.join(wrong_key)}\n")
    words = box.ssh_arguments(fresh_box)
    words = [part.replace(fresh_box.known_hosts, str(other)) for part in words]
    refused = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


def test_the_private_keys_are_readable_by_their_owner_only(fresh_box: state.Box) -> None:
    directory = state.directory(NAME)
    assert state.DIRECTORY.stat().st_mode & 0o777 == 0o700
    for key in (state.CLIENT_KEY, state.HOST_KEY):
        assert (directory / key).stat().st_mode & 0o777 == 0o600


def test_a_fresh_box_runs_systemd_and_has_nothing_of_docker(fresh_box: state.Box) -> None:
    assert box.execute(fresh_box, "ps -p 1 -o comm= || cat /proc/1/comm") == "systemd"
    assert box.execute(fresh_box, "systemctl --failed --no-legend") == ""
    assert not box.succeeds_over_ssh(fresh_box, "command -v docker || command -v dockerd")
    assert box.execute(fresh_box, "ls -A /var/lib/docker /var/lib/containerd | grep -v :") == ""


def test_the_media_disk_can_be_unmounted_and_mounted_and_comes_back_at_a_boot(
    fresh_box: state.Box,
) -> None:
    assert box.succeeds_over_ssh(fresh_box, "mountpoint -q /data && touch /data/there")
    assert box.succeeds_over_ssh(fresh_box, "umount /data && ! test -e /data/there")
    assert box.succeeds_over_ssh(fresh_box, "mount /data && test -e /data/there && umount /data")
    before = box.execute(fresh_box, "cat /proc/sys/kernel/random/boot_id; stat -c %Y /run/systemd")
    box.reboot(NAME)
    assert box.succeeds_over_ssh(fresh_box, "mountpoint -q /data && test -e /data/there")
    after = box.execute(fresh_box, "cat /proc/sys/kernel/random/boot_id; stat -c %Y /run/systemd")
    assert before != after


@pytest.mark.parametrize("family", ["iptables", "ip6tables"])
def test_a_packet_to_the_internet_does_not_leave_the_machine(
    fresh_box: state.Box, sink: Sink, family: str
) -> None:
    address = SINKS[family]
    exception = ("-i", names.BRIDGE, "-d", address, "-j", "ACCEPT")
    send(fresh_box, address, f"default-{family}")
    arrived = internet.control(NAME, "packets")["packets"]
    assert [one for one in arrived if one["destination"] == address], "the control: its way out"
    gateway = names.GATEWAY if family == "iptables" else GATEWAY_IPV6
    box.execute(fresh_box, f"ip route replace {address} via {gateway} dev eth0")
    send(fresh_box, address, f"leak-{family}")
    # The control: with a hole for this one address, the same packet arrives.
    host(family, "-w", "-t", "mangle", "-I", "FORWARD", "1", *exception)
    host(family, "-w", "-I", "FORWARD", "1", *exception)
    try:
        send(fresh_box, address, f"control-{family}")
        assert sink.waits_for(f"control-{family}")
    finally:
        host(family, "-w", "-t", "mangle", "-D", "FORWARD", *exception)
        host(family, "-w", "-D", "FORWARD", *exception)
        box.execute(fresh_box, f"ip route delete {address}")
    assert f"leak-{family}" not in sink.words()
    assert f"default-{family}" not in sink.words()


@pytest.mark.parametrize(
    "helper", [names.PACKAGES_ADDRESS, names.REGISTRY_ADDRESS, names.NAMES_ADDRESS, "internet"]
)
def test_no_helper_is_a_gateway_to_the_internet(
    fresh_box: state.Box, sink: Sink, helper: str
) -> None:
    address = SINKS["iptables"]
    if helper == "internet":
        helper = names.internet_address(fresh_box.address)
    box.execute(fresh_box, f"ip route add {address}/32 via {helper}")
    try:
        send(fresh_box, address, f"via-{helper}")
        assert not sink.waits_for(f"via-{helper}", seconds=1)
    finally:
        box.execute(fresh_box, f"ip route del {address}/32")


def test_the_machine_itself_is_closed_to_a_box(fresh_box: state.Box) -> None:
    listener = ["python3", "-m", "http.server", "--bind", names.GATEWAY, "18089"]
    server = subprocess.Popen(listener, cwd=state.directory(NAME), stderr=subprocess.DEVNULL)
    probe = (
        "python3 -c 'import socket; "
        f'socket.create_connection(("{names.GATEWAY}", 18089), timeout=3)\''
    )
    try:
        deadline = time.monotonic() + 10
        while subprocess.run(["sh", "-c", probe], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "the control: the machine reaches it itself"
        assert not box.succeeds_over_ssh(fresh_box, probe)
    finally:
        server.kill()
        server.wait()


def test_a_box_reaches_the_registry_and_debian_packages(fresh_box: state.Box) -> None:
    fetch = 'import urllib.request as u; print(u.urlopen("http://{}", timeout=10).status)'
    url = f"{names.REGISTRY}/v2/"
    assert box.execute(fresh_box, f"python3 -c '{fetch.format(url)}'") == "200"
    box.execute(fresh_box, "apt-get update -qq")
    assert "Package: docker.io" in box.execute(fresh_box, "apt-cache show docker.io")


def test_the_package_cache_fetches_nothing_but_debian(fresh_box: state.Box) -> None:
    # A documentation name: would the cache try it, it would say that it cannot resolve it (503).
    fetch = (
        "import urllib.request as u\n"
        f'u.install_opener(u.build_opener(u.ProxyHandler({{"http": "{names.PACKAGES_PROXY}"}})))\n'
        'try: u.urlopen("http://files.example/x", timeout=10)\n'
        "except u.HTTPError as error: print(error.code)"
    )
    assert box.execute(fresh_box, f"python3 -c '{fetch}'") == "403"


def test_names_are_denied_at_once_and_the_lookup_is_on_record(fresh_box: state.Box) -> None:
    started = time.monotonic()
    assert not box.succeeds_over_ssh(fresh_box, "getent hosts leak-test.example")
    assert time.monotonic() - started < 3
    assert "leak-test.example" in host("docker", "logs", names.NAMES_CONTAINER)
    resolved = box.execute(fresh_box, f"getent hosts {names.REGISTRY_NAME}")
    assert resolved.split()[0] == names.REGISTRY_ADDRESS


def test_the_registry_serves_a_manifest_for_every_image_of_the_catalog(
    fresh_box: state.Box,
) -> None:
    fetch = """
import json, sys, urllib.request as u
for reference in json.load(sys.stdin):
    repository, tag = reference.rsplit(":", 1)
    accept = "application/vnd.docker.distribution.manifest.v2+json"
    url = sys.argv[1] + "/v2/" + repository + "/manifests/" + tag
    layers = json.load(u.urlopen(u.Request(url, headers={"Accept": accept}), timeout=10))["layers"]
    print(reference, len(layers))
"""
    references = sorted(images.wanted())
    command = [
        *box.ssh_arguments(fresh_box),
        f"python3 -c {shlex.quote(fetch)} http://{names.REGISTRY}",
    ]
    shown = subprocess.run(
        command, input=json.dumps(references), text=True, capture_output=True, check=True
    )
    served = dict(line.split() for line in shown.stdout.splitlines())
    assert sorted(served) == references
    assert all(int(layers) >= 2 for layers in served.values())


def test_a_second_up_reuses_the_box_in_three_seconds(fresh_box: state.Box) -> None:
    container = names.box_container(NAME)
    before = host("docker", "inspect", "--format", "{{.Id}} {{.State.StartedAt}}", container)
    started = time.monotonic()
    assert lifecycle.up(NAME) == fresh_box
    assert time.monotonic() - started < 3
    after = host("docker", "inspect", "--format", "{{.Id}} {{.State.StartedAt}}", container)
    assert before == after


def test_taking_a_box_down_leaves_nothing_of_it() -> None:
    name = "sandbox-gone"
    lifecycle.up(name, assume_yes=True, with_images=False)
    assert host("docker", "volume", "ls", "-q", "--filter", f"name=box-{name}")
    lifecycle.down(name)
    assert not host("docker", "ps", "-aq", "--filter", f"name=box-{name}")
    assert not host("docker", "ps", "-aq", "--filter", f"name={names.internet_container(name)}")
    assert not host("docker", "volume", "ls", "-q", "--filter", f"name=box-{name}")
    assert not (state.DIRECTORY / name).exists()
    assert network.is_closed()
