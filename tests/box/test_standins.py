"""The stand-ins start, fail, keep state and stop as their upstreams do.

They run on the outer engine without a network (each test asks from inside the container), so no box
is needed; what the table says is checked against the images, not against the table.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import images, lifecycle, names
from sandbox.standin_table import TABLE

pytestmark = pytest.mark.box

LINUXSERVER = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL")
RUN = uuid.uuid4().hex[:8]
PASSWORD_HASH = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"  # correct horse


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], check=check, capture_output=True, text=True)
    return (done.stdout + (done.stderr if not check else "")).strip()


@pytest.fixture(scope="module")
def references() -> dict[str, str]:
    """Stand-in key -> its image on the outer engine."""
    lifecycle.ensure_images(assume_yes=True)
    return {key: f"{names.PUSH_REGISTRY}/{name}" for name, key in images.wanted().items()}


Start = Callable[..., str]


@pytest.fixture
def start(references: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start a stand-in; every container a test started is removed at its end."""
    started: list[str] = []

    def run(key: str, *options: str, command: tuple[str, ...] = (), network: str = "none") -> str:
        name = f"mstest-{RUN}-{len(started)}-{key}"
        started.append(name)
        place = ("--name", name, "--network", network)
        docker("run", "--detach", *place, *options, references[key], *command)
        return name

    yield run
    if started:
        docker("rm", "--force", "--volumes", *started)


def dropped(*capabilities: str) -> list[str]:
    return ["--cap-drop=ALL", *(f"--cap-add={capability}" for capability in capabilities)]


def mounted(tmp_path: Path, target: str, uid: int = 1000) -> list[str]:
    state = tmp_path / target.strip("/").replace("/", "-")
    state.mkdir()
    os.chown(state, uid, uid)
    state.chmod(0o750)
    return ["--volume", f"{state}:{target}"]


def ask(container: str, url: str, *options: str, tool: str = "curl") -> str:
    """Status and body of a GET from inside the container."""
    script = (
        "import sys, urllib.request as u, urllib.error as e\n"
        "url, method, body, *headers = sys.argv[1:]\n"
        "pairs = dict(h.split(': ', 1) for h in headers)\n"
        "q = u.Request(url, method=method, data=body.encode() or None, headers=pairs)\n"
        "try: r = u.urlopen(q, timeout=5)\n"
        "except e.HTTPError as error: r = error\n"
        "print(r.status, r.read().decode())\n"
    )
    words = list(options) or ["GET", ""]
    return docker("exec", container, "python3", "-c", script, url, *words, check=False)


def answers(container: str, url: str, wanted: str, seconds: float = 10) -> str:
    """Ask until the answer starts with `wanted`; the last answer either way."""
    deadline = time.monotonic() + seconds
    answer = ""
    while time.monotonic() < deadline:
        answer = ask(container, url)
        if answer.startswith(wanted):
            return answer
        time.sleep(0.1)
    return answer


def ended(container: str, seconds: float = 10) -> int | None:
    """The exit code once the container has ended, None when it still runs after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        running, code = docker(
            "inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", container
        ).split()
        if running == "false":
            return int(code)
        time.sleep(0.1)
    return None


def sonarr(start: Start, tmp_path: Path, *capabilities: str) -> str:
    identity = ("--env", "PUID=1234", "--env", "PGID=1235")
    return start("sonarr", *dropped(*capabilities), *identity, *mounted(tmp_path, "/config"))


def test_a_linuxserver_image_drops_to_puid_and_owns_its_state(start: Start, tmp_path: Path) -> None:
    container = sonarr(start, tmp_path, *LINUXSERVER)
    assert answers(container, "http://127.0.0.1:8989/ping", '200 {"status": "OK"}')
    top = docker("top", container, "-eo", "pid,uid,gid,args").splitlines()[1:]
    program = next(line for line in top if "standins arr sonarr" in line and "linux" not in line)
    assert program.split()[1:3] == ["1234", "1235"]
    for name in ("", "config.xml", "sonarr.db"):
        status = (tmp_path / "config" / name).stat()
        assert (status.st_uid, status.st_gid) == (1234, 1235)


@pytest.mark.parametrize("missing", ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID"])
def test_a_linuxserver_image_does_not_start_without_a_capability_it_needs(
    start: Start, tmp_path: Path, missing: str
) -> None:
    container = sonarr(start, tmp_path, *(c for c in LINUXSERVER if c != missing))
    assert ended(container) not in (None, 0)


def test_a_linuxserver_image_cannot_stop_its_program_without_kill(
    start: Start, tmp_path: Path
) -> None:
    container = sonarr(start, tmp_path, *(c for c in LINUXSERVER if c != "KILL"))
    assert answers(container, "http://127.0.0.1:8989/ping", "200").startswith("200")
    docker("stop", "--time", "2", container)
    assert ended(container) == 137


def test_a_committed_row_is_not_in_the_database_file_alone(start: Start, tmp_path: Path) -> None:
    container = sonarr(start, tmp_path, *LINUXSERVER)
    answers(container, "http://127.0.0.1:8989/ping", "200")
    ask(container, "http://127.0.0.1:8989/standin/rows", "POST", '{"text": "precious"}')
    database = tmp_path / "config" / "sonarr.db"
    alone = tmp_path / "alone.db"
    alone.write_bytes(database.read_bytes())
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        sqlite3.connect(alone).execute("SELECT text FROM entries")
    with sqlite3.connect(database) as live:
        assert live.execute("SELECT text FROM entries").fetchall() == [("precious",)]


def test_the_api_takes_the_key_of_config_xml_and_no_other(start: Start, tmp_path: Path) -> None:
    mount = mounted(tmp_path, "/config")
    (tmp_path / "config" / "config.xml").write_text("<Config><ApiKey>0123abcd</ApiKey></Config>")
    container = start("radarr", *mount, "--env=PUID=1000", "--env=PGID=1000")
    url = "http://127.0.0.1:7878/api/v3/system/status"
    assert answers(container, url, "401").startswith("401")
    assert ask(container, url, "GET", "", "X-Api-Key: wrong").startswith("401")
    assert ask(container, url, "GET", "", "X-Api-Key: 0123abcd").startswith("200")


def test_a_stand_in_can_be_made_sick_slow_and_dead(start: Start) -> None:
    container = start("flaresolverr")
    url = "http://127.0.0.1:8191/health"
    assert answers(container, url, "200").startswith("200")

    def control(values: dict[str, Any]) -> None:
        docker("exec", container, "sh", "-c", f"echo '{json.dumps(values)}' >/tmp/standin.json")

    control({"health": "sick"})
    assert ask(container, url).startswith("500")
    control({"delay_seconds": 1})
    started = time.monotonic()
    assert ask(container, url).startswith("200")
    assert time.monotonic() - started >= 1
    control({"exit_code": 7})
    ask(container, url)
    assert ended(container) == 7


def test_every_image_ends_promptly_when_it_is_told_to(start: Start, tmp_path: Path) -> None:
    socket = ("--volume=/var/run/docker.sock:/var/run/docker.sock:ro",)
    containers = []
    for key in sorted(set(TABLE) - {"gluetun", "cross-seed", "autoheal"}):
        options = list(socket if key == "socket-proxy" else ())
        if TABLE[key].user and TABLE[key].state:
            options += mounted(tmp_path, TABLE[key].state)
        command = ("serve",) if key == "ntfy" else ()
        containers.append(start(key, *options, command=command))
    time.sleep(3)
    shown = ("inspect", "--format", "{{.Name}} {{.State.Running}} {{.State.ExitCode}}", *containers)
    assert [line for line in docker(*shown).splitlines() if "true" not in line] == []
    docker("stop", "--time", "20", *containers)
    wrong = [line for line in docker(*shown).splitlines() if line.split()[2] not in ("0", "143")]
    assert wrong == []


@pytest.mark.parametrize("key", sorted(TABLE))
def test_an_image_has_the_http_tool_of_its_upstream_and_not_the_other(
    references: dict[str, str], key: str
) -> None:
    found = docker(
        "run", "--rm", "--network=none", "--entrypoint=sh", references[key],
        "-c", "for tool in curl wget; do command -v $tool >/dev/null && echo $tool; done; true",
    )  # fmt: skip
    assert tuple(found.split()) == TABLE[key].tools


def tunnel(start: Start, tmp_path: Path, key: bytes | None, *options: str) -> str:
    secret = tmp_path / "key"
    mount: tuple[str, ...] = ()
    if key is not None:
        secret.write_bytes(base64.b64encode(key) + b"\n")
        secret.chmod(0o400)
        mount = ("--volume", f"{secret}:/run/secrets/wireguard_private_key:ro")
    kind = ("--env", "VPN_TYPE=wireguard", "--env", "VPN_SERVICE_PROVIDER=protonvpn")
    forwarding = ("--env", "VPN_PORT_FORWARDING=on")
    return start("gluetun", *mount, *kind, *forwarding, *options)


TUNNEL = ("--cap-add=NET_ADMIN", "--device=/dev/net/tun")


@pytest.mark.parametrize("key", [None, b"x" * 31], ids=["no key", "short key"])
def test_gluetun_says_what_is_wrong_with_its_key_and_ends(
    start: Start, tmp_path: Path, key: bytes | None
) -> None:
    container = tunnel(start, tmp_path, key, *TUNNEL)
    assert ended(container) == 1
    log = docker("logs", container, check=False)
    assert "private key" in log
    assert base64.b64encode(key or b"?").decode() not in log


@pytest.mark.parametrize("options", [TUNNEL[:1], TUNNEL[1:]], ids=["no device", "no capability"])
def test_gluetun_ends_without_its_device_or_capability(
    start: Start, tmp_path: Path, options: tuple[str, ...]
) -> None:
    container = tunnel(start, tmp_path, os.urandom(32), *options)
    assert ended(container) == 1
    assert "TUN" in docker("logs", container, check=False)


def test_gluetun_answers_a_listed_role_only_and_401_to_all_else(
    start: Start, tmp_path: Path
) -> None:
    roles = tmp_path / "config.toml"
    roles.write_text(
        '[[roles]]\nname = "one"\nauth = "apikey"\napikey = "secret"\n'
        'routes = ["GET /v1/portforward"]\n'
    )
    mount = ("--volume", f"{roles}:/gluetun/auth/config.toml:ro")
    container = tunnel(start, tmp_path, os.urandom(32), *TUNNEL, *mount)
    control = "http://127.0.0.1:8000/v1"
    assert answers(container, f"{control}/portforward", "401").startswith("401")
    key = ("GET", "", "X-API-Key: secret")
    assert json.loads(ask(container, f"{control}/portforward", *key)[4:])["ports"] == [41234]
    assert ask(container, f"{control}/vpn/status", *key).startswith("401")
    assert "10.2.0.2/32" in docker("exec", container, "ip", "address", "show", "tun0")
    docker("exec", container, "/gluetun-entrypoint", "healthcheck")


def test_programs_that_upstream_refuses_to_run_wrongly_end(start: Start, tmp_path: Path) -> None:
    no_configuration = start("cross-seed", command=("daemon",))
    as_root = start("recyclarr", "--user=0")
    read_only = start("recyclarr", "--read-only", "--volume", f"{tmp_path}:/config:ro")
    for container in (no_configuration, as_root, read_only):
        assert ended(container) == 1


def test_unpackerr_listens_only_when_metrics_are_on(start: Start) -> None:
    quiet = start("unpackerr", "--user=1000:1000")
    loud = start("unpackerr", "--user=1000:1000", "--env=UN_WEBSERVER_METRICS=true")
    assert answers(loud, "http://127.0.0.1:5656/metrics", "200").startswith("200")
    assert "refused" in ask(quiet, "http://127.0.0.1:5656/metrics")


def test_ntfy_stores_what_a_token_may_publish_and_nothing_else(
    start: Start, tmp_path: Path
) -> None:
    configuration = tmp_path / "server.yml"
    configuration.write_text(
        'listen-http: ":8090"\nauth-default-access: deny-all\n'
        f'auth-users:\n  - "sender:{PASSWORD_HASH}:user"\n'
        'auth-access:\n  - "sender:media*:write-only"\n'
        'auth-tokens:\n  - "sender:tk_right:test"\n'
    )
    mounts = ("--volume", f"{configuration}:/etc/ntfy/server.yml:ro")
    state = mounted(tmp_path, "/var/cache/ntfy")
    container = start("ntfy", "--user=1000:1000", *mounts, *state, command=("serve",))
    root = "http://127.0.0.1:8090"
    assert answers(container, f"{root}/v1/health", '200 {"healthy": true}').startswith("200")
    body = '{"topic": "media", "message": "done", "priority": 4}'
    assert ask(container, root, "POST", body).startswith("403")
    assert ask(container, root, "POST", body, "Authorization: Bearer tk_no").startswith("401")
    token = "Authorization: Bearer tk_right"
    assert ask(container, root, "POST", body, token).startswith("200")
    assert ask(container, root, "POST", body.replace("media", "other"), token).startswith("403")
    assert ask(container, f"{root}/media/json?poll=1", "GET", "", token).startswith("403")
    for password, wanted in (("correct horse", "403"), ("wrong", "401")):
        login = base64.b64encode(f"sender:{password}".encode()).decode()
        header = f"Authorization: Basic {login}"
        assert ask(container, f"{root}/other", "POST", "text", header).startswith(wanted)
    with sqlite3.connect(tmp_path / "var-cache-ntfy" / "cache.db") as cache:
        stored = [json.loads(row[0]) for row in cache.execute("SELECT body FROM messages")]
    assert [(entry["topic"], entry["message"], entry["priority"]) for entry in stored] == [
        ("media", "done", 4)
    ]


@pytest.fixture
def inner_network() -> Iterator[str]:
    name = f"mstest-{RUN}"
    docker("network", "create", "--internal", *names.LABEL_ARGUMENTS, name)
    yield name
    docker("network", "rm", name)


SOCKET = ("--volume=/var/run/docker.sock:/var/run/docker.sock:ro", "--read-only", "--tmpfs=/run")


def test_the_socket_proxy_opens_what_its_variables_say(inner_network: str, start: Start) -> None:
    victim = start("flaresolverr")
    read = start("socket-proxy", *SOCKET, "--env=CONTAINERS=1", network=inner_network)
    heal = start(
        "socket-proxy", *SOCKET, "--env=CONTAINERS=1", "--env=ALLOW_RESTARTS=1", "--env=POST=0",
        network=inner_network,
    )  # fmt: skip
    assert answers(read, "http://127.0.0.1:2375/_ping", "200").startswith("200")
    assert answers(heal, "http://127.0.0.1:2375/_ping", "200").startswith("200")
    asked = {
        ("GET", "v1.41/containers/json"): ("200", "200"),
        ("GET", "images/json"): ("403", "403"),
        ("GET", "info"): ("403", "403"),
        ("POST", f"containers/{victim}/restart?t=3"): ("403", "204"),
        ("POST", f"containers/{victim}/pause"): ("403", "403"),
        ("POST", "containers/create"): ("403", "403"),
        ("POST", f"containers/{victim}/exec"): ("403", "403"),
        ("DELETE", f"containers/{victim}"): ("403", "403"),
        ("GET", "containers/json/../../images/json"): ("403", "403"),
    }
    for (method, path), wanted in asked.items():
        url = f"http://127.0.0.1:2375/{path}"
        found = tuple(ask(proxy, url, method, "")[:3] for proxy in (read, heal))
        assert found == wanted, (method, path)


def test_autoheal_restarts_what_is_sick_and_labelled_only(inner_network: str, start: Start) -> None:
    proxy = start(
        "socket-proxy", *SOCKET, "--env=CONTAINERS=1", "--env=ALLOW_RESTARTS=1",
        network=inner_network,
    )  # fmt: skip
    sick = ("--env=STANDIN_HEALTH=sick", "--health-cmd=exit 1", "--health-interval=1s")
    sick += ("--health-retries=1",)
    labelled = start("flaresolverr", *sick, f"--label=mstest-{RUN}=true")
    other = start("flaresolverr", *sick)
    options = (
        f"--env=DOCKER_SOCK=tcp://{proxy}:2375",
        f"--env=AUTOHEAL_CONTAINER_LABEL=mstest-{RUN}",
    )
    healer = start("autoheal", *options, "--env=AUTOHEAL_INTERVAL=1", network=inner_network)

    def started_at(container: str) -> str:
        return docker("inspect", "--format", "{{.State.StartedAt}}", container)

    before = started_at(labelled), started_at(other)
    deadline = time.monotonic() + 20
    while started_at(labelled) == before[0] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert started_at(labelled) != before[0], docker("logs", healer, check=False)
    assert started_at(other) == before[1]
