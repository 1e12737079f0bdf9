"""What single stand-ins promise beyond being healthy: Gluetun, ntfy, the socket proxy, Autoheal."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin_house import RUN, Start, answers, ask, docker, ended, mounted

from sandbox import names

pytestmark = pytest.mark.box

PASSWORD_HASH = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"  # correct horse


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
    assert json.loads(ask(container, f"{control}/portforward", *key)[4:])["ports"] is None
    assert ask(container, f"{control}/vpn/status", *key).startswith("401")
    assert "10.2.0.2/32" in docker("exec", container, "ip", "address", "show", "tun0")
    # There is no network, so the tunnel passes nothing (test_tunnel.py has one that does).
    assert "error" in docker("exec", container, "/gluetun-entrypoint", "healthcheck", check=False)


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
    stopped = start("flaresolverr", *sick, f"--label=mstest-{RUN}=true")
    docker("stop", "--time", "1", stopped)
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
    assert docker("inspect", "--format", "{{.State.Status}}", stopped) == "exited"
