"""remote/bridge.py: the network has the wanted addresses, or is made again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from remote import bridge

SPEC = {"name": "net", "pools": [{"subnet": "172.30.0.0/24", "gateway": "172.30.0.1"}]}
Pools = list[dict[str, str]] | None


class Docker:
    """`docker`, with at most one network and some containers of ours."""

    def __init__(self) -> None:
        self.pools: dict[str, Pools] = {}
        self.containers: list[str] = []
        self.calls: list[list[str]] = []

    def run(self, command: list[str], **_: Any) -> Any:
        what, name = command[1:3], command[-1]
        if what == ["network", "inspect"]:
            found = name in self.pools
            shown = [{"IPAM": {"Config": self.pools.get(name)}}] if found else []
            return SimpleNamespace(stdout=json.dumps(shown), returncode=0 if found else 1)
        if what[0] == "ps":
            return SimpleNamespace(stdout="\n".join(self.containers), returncode=0)
        self.calls.append(command[1:])
        if what == ["network", "create"]:
            pairs = zip(command, command[1:], strict=False)
            values = [value for option, value in pairs if option in ("--subnet", "--gateway")]
            self.pools[name] = [
                {"Subnet": subnet, "Gateway": gateway}
                for subnet, gateway in zip(values[::2], values[1::2], strict=True)
            ]
        elif what == ["network", "rm"]:
            assert not self.containers, "has active endpoints"
            del self.pools[name]
        elif what == ["rm", "--force"]:
            self.containers = []
        return SimpleNamespace(stdout="", returncode=0)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    made = Docker()
    fake = SimpleNamespace(run=made.run, DEVNULL=None)
    monkeypatch.setattr(bridge, "subprocess", fake)
    return made


def test_it_is_made_when_absent_and_then_left_alone(docker: Docker) -> None:
    assert bridge.check(SPEC) == [{"path": "net", "problem": "absent"}]
    bridge.apply(SPEC)
    assert docker.pools == {"net": [{"Subnet": "172.30.0.0/24", "Gateway": "172.30.0.1"}]}
    docker.calls.clear()
    assert bridge.check(SPEC) == []
    assert bridge.apply(SPEC) == []
    assert docker.calls == []


def test_with_ipv6_it_has_two_pools_in_any_order(docker: Docker) -> None:
    second = {"subnet": "fd00:30::/64", "gateway": "fd00:30::1"}
    spec = {**SPEC, "pools": [*SPEC["pools"], second]}
    bridge.apply(spec)
    assert "--ipv6" in docker.calls[-1]
    pools = docker.pools["net"]
    assert pools is not None
    docker.pools["net"] = pools[::-1]
    assert bridge.check(spec) == []


def test_without_ipv6_it_is_not_switched_on(docker: Docker) -> None:
    bridge.apply(SPEC)
    assert "--ipv6" not in docker.calls[-1]


@pytest.mark.parametrize(
    "pools",
    [
        [{"Subnet": "172.31.0.0/24", "Gateway": "172.31.0.1"}],
        [{"Subnet": "172.30.0.0/24"}],
        [],
        None,
    ],
)
def test_one_with_other_addresses_is_replaced_with_its_containers(
    docker: Docker, pools: Pools
) -> None:
    docker.pools["net"] = pools
    # One on it, one in another's network, one in the host's, which stays.
    docker.containers = ["a1 net,socket", "b2 ", "c3 host"]
    assert "instead of" in bridge.check(SPEC)[0]["problem"]
    bridge.apply(SPEC)
    assert docker.calls[0] == ["rm", "--force", "a1", "b2"]
    assert bridge.check(SPEC) == []


def test_a_host_without_docker_predicts_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError("docker")

    monkeypatch.setattr(bridge, "subprocess", SimpleNamespace(run=run))
    assert bridge.check(SPEC) == [{"path": "net", "problem": "absent"}]
