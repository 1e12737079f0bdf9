"""New settings of Gluetun are tried before; refused, the running one and its dependents live."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from stacks_house import House, furnish

from mediastack import compose, ledger, plan, stack_verbs, stacks, vpn_trial
from mediastack.docker_client import DockerError

NO = (
    1,
    "ERROR validating settings: VPN settings: provider settings: server selection: the country "
    "specified is not valid: value is not one of the possible choices: none of atlantis is one of "
    "the choices available Germany, Netherlands",
)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


def change(house: House, service: str, config_hash: str) -> None:
    """What a deploy does: another hash in mediastack.toml and in the compose file."""
    entry = house.config["services"][service]
    path = Path(house.config["paths"]["program"]) / "stacks" / entry["stack"] / "compose.yaml"
    path.write_text(path.read_text().replace(entry["config_hash"], config_hash))
    entry["config_hash"] = config_hash


def container(house: House, service: str) -> dict[str, Any]:
    found = house.docker.get(service)
    assert found is not None
    return found


def gluetun(house: House) -> str:
    return str(container(house, "gluetun")["id"])


def test_a_first_start_and_a_replacement_are_tried_before(house: House) -> None:
    house.apply()
    assert len(house.trials) == 1
    before = gluetun(house)
    change(house, "gluetun", "other")
    assert not house.apply().failed
    assert len(house.trials) == 2
    assert gluetun(house) != before


def test_what_does_not_make_gluetun_anew_tries_nothing(house: House) -> None:
    house.apply()
    change(house, "sonarr", "other")
    container(house, "gluetun")["status"] = "exited"
    house.apply()
    assert len(house.trials) == 1


def test_refused_settings_leave_the_running_gluetun_and_fail_with_its_words(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.apply()
    before = {one["name"]: one["id"] for one in house.docker.containers}
    change(house, "gluetun", "atlantis")
    change(house, "seerr", "other")
    house.trial_answer = NO
    assert stack_verbs.apply(["--actor", "deploy"]) == 1
    after = {one["name"]: one["id"] for one in house.docker.containers}
    assert {name for name in before if before[name] != after[name]} == {"seerr"}
    printed = capsys.readouterr().err
    assert "gluetun: FAILED: vpn.countries: Gluetun refuses it: " in printed
    assert "atlantis" in printed
    assert "fix: one of Germany, Netherlands" in printed
    assert "keeps its old settings" in printed
    entry = ledger.read(1, "gluetun")[0]
    assert (entry["actor"], entry["outcome"]) == ("deploy", "settings refused")


def test_the_verbs_of_a_user_fail_the_same_and_touch_nothing(house: House) -> None:
    house.apply()
    before = gluetun(house)
    change(house, "gluetun", "atlantis")
    house.trial_answer = NO
    assert stack_verbs.restart(["downloads", "gluetun"]) == 1
    assert stack_verbs.restart(["all"]) == 1
    assert stack_verbs.up(["downloads"]) == 1
    assert gluetun(house) == before
    assert container(house, "gluetun")["status"] == "running"
    assert len(house.trials) == 4, "whoever asks for it gets an answer of today"
    assert stack_verbs.restart(["media", "seerr"]) == 0


def test_the_zone_of_a_gluetun_with_refused_settings_is_healed_and_followed(house: House) -> None:
    house.apply()
    change(house, "gluetun", "atlantis")
    house.trial_answer = NO
    house.apply()
    container(house, "sonarr")["status"] = "exited"
    change(house, "qbittorrent", "other")
    engine: Any = house
    outcome = stacks.apply(
        house.config,
        engine,
        "monitor",
        sleep=house.sleep,
        clock=lambda: house.now,
    )
    assert {act["service"] for act in outcome.done} == {"sonarr", "qbittorrent"}
    assert len(house.trials) == 2, "the monitor does not ask for ever"
    assert "vpn.countries" in outcome.failed["gluetun"]


def test_after_a_boot_the_old_container_starts_with_its_old_settings(house: House) -> None:
    house.apply()
    before = gluetun(house)
    change(house, "gluetun", "atlantis")
    house.trial_answer = NO
    house.apply()
    for one in house.docker.containers:
        one["status"] = "exited"
    observation = house.observe(None, None)
    actions = plan.plan(house.config, observation)
    todo = plan.ready(house.config, observation, actions)
    assert ("start", "gluetun") in [(act["action"], act["service"]) for act in todo]
    house.apply()
    assert gluetun(house) == before
    assert set(house.statuses().values()) == {"running"}


def test_a_first_start_with_refused_settings_makes_nothing_and_says_so_once(house: House) -> None:
    house.trial_answer = NO
    outcome = house.apply()
    assert house.docker.get("gluetun") is None
    assert house.docker.get("sonarr") is None
    assert house.docker.get("seerr") is not None, "the others go on"
    assert "Gluetun was not started" in outcome.failed["gluetun"]
    problems = plan.unwell(house.config, house.observe(None, None))
    assert [one["path"] for one in problems if one["path"] == "gluetun"] == ["gluetun"]
    assert house.now < 5, "no waiting for what cannot become healthy"


def test_mended_settings_are_taken_and_the_refusal_is_forgotten(house: House) -> None:
    house.apply()
    change(house, "gluetun", "atlantis")
    house.trial_answer = NO
    house.apply()
    change(house, "gluetun", "netherlands")
    assert vpn_trial.refused(house.config, house.docker.images) == {}
    house.trial_answer = (0, "")
    assert not house.apply().failed
    assert container(house, "gluetun")["config_hash"] == "netherlands"
    assert not (Path(house.config["paths"]["state"]) / "vpn_trial.json").exists()


@pytest.mark.parametrize(
    "answer",
    [DockerError("no space left"), (1, "ERROR command is unknown: openvpnconfig"), (137, "")],
)
def test_a_trial_that_cannot_run_is_told_and_blocks_nothing(
    house: House, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    house.trial_answer = answer
    assert not house.apply().failed
    assert container(house, "gluetun")["status"] == "running"
    assert "could not be tried before" in capsys.readouterr().err
    outcomes = [entry["outcome"] for entry in ledger.read(None, "gluetun")]
    assert outcomes == ["settings not tried", "created"]


def test_a_compose_file_that_cannot_be_read_blocks_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> dict[str, Any]:
        raise compose.ComposeError("no such option")

    monkeypatch.setattr(compose, "described", broken)
    assert not house.apply().failed


def test_a_refusal_holds_only_for_what_was_tried(house: House, tmp_path: Path) -> None:
    secrets = tmp_path / "etc" / "secrets" / "gluetun"
    secrets.mkdir(parents=True)
    lists = tmp_path / "config" / "gluetun"
    lists.mkdir(parents=True)
    house.config["paths"]["etc"] = str(tmp_path / "etc")
    entry = house.config["services"]["gluetun"]
    entry["config"] = str(lists)
    image = house.docker.images["gluetun"]
    marks = [vpn_trial.fingerprint(house.config, image)]
    marks.append(vpn_trial.fingerprint(house.config, "another"))
    (secrets / "wireguard_private_key").write_text("a")
    marks.append(vpn_trial.fingerprint(house.config, image))
    (lists / "servers.json").write_text("{}")
    marks.append(vpn_trial.fingerprint(house.config, image))
    (lists / "ip").write_text("not read when settings are tried")
    assert vpn_trial.fingerprint(house.config, image) == marks[-1]
    entry["config_hash"] = "other"
    marks.append(vpn_trial.fingerprint(house.config, image))
    assert len(set(marks)) == len(marks)


class Recorder:
    """A Docker that notes what the trial is run with, and looks into its scratch directory."""

    def __init__(self, ipv6: bool = False) -> None:
        self.ipv6 = ipv6
        self.options: dict[str, Any] = {}
        self.seen: dict[str, str] = {}
        self.removed: list[str] = []

    def containers(self, label: str) -> list[dict[str, Any]]:
        return [{"Id": "left"}] if label == vpn_trial.LABEL else []

    def remove(self, name: str, grace: int) -> None:
        self.removed.append(name)

    def networks(self) -> list[dict[str, Any]]:
        return [{"Name": "homelab_media_network", "EnableIPv6": self.ipv6}]

    def inspect(self, name: str) -> None:
        return None

    def run(self, image: str, command: Any, **options: Any) -> tuple[int, str]:
        self.options = options
        scratch = next(source for source, target, _ in options["mounts"] if target == "/gluetun")
        for path in Path(scratch).rglob("*"):
            if path.is_file():
                self.seen[str(path.relative_to(scratch))] = path.read_text()
        return (
            1,
            "ERROR validating settings: VPN settings: private key QUJD and tk-0123456789abcdef",
        )


def test_the_image_is_asked_with_the_users_own_list_and_secrets_that_are_not_repeated(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, secrets = tmp_path / "config", tmp_path / "secrets"
    for directory in (lists / "servers", secrets):
        directory.mkdir(parents=True)
    (lists / "servers.json").write_text("my own list")
    (lists / "servers" / "protonvpn.json").write_text("my own list too")
    (lists / "ip").write_text("no list")
    (secrets / "key").write_text("QUJD\n")
    (secrets / "auth.toml").write_text('apikey = "tk-0123456789abcdef"\n')
    os.symlink("/etc/shadow", lists / "servers" / "planted.json")
    house.config["services"]["gluetun"]["config"] = str(lists)
    runtime = Path(house.config["paths"]["runtime"])
    (runtime / "vpn-trial-killed").mkdir()
    described = {
        "environment": {"SERVER_COUNTRIES": "Netherlands", "EMPTY": None},
        "volumes": [
            {"type": "bind", "source": str(lists), "target": "/gluetun"},
            {"type": "bind", "source": str(secrets / "key"), "target": "/run/secrets/key"},
            {"type": "bind", "source": str(secrets / "auth.toml"), "target": "/gluetun/auth.toml"},
            {"type": "bind", "source": str(secrets / "absent"), "target": "/run/secrets/absent"},
        ],
    }
    monkeypatch.setattr(compose, "described", lambda *_: described)
    docker: Any = Recorder()
    told = vpn_trial.ask(house.config, docker, "test", "image")
    assert docker.seen == {
        "servers.json": "my own list",
        "servers/protonvpn.json": "my own list too",
    }
    assert docker.options["environment"] == {"SERVER_COUNTRIES": "Netherlands"}
    mounted = {target: read_only for _, target, read_only in docker.options["mounts"]}
    assert mounted == {"/gluetun": False, "/run/secrets/key": True, "/gluetun/auth.toml": True}
    assert docker.options["labels"] == {vpn_trial.LABEL: "gluetun"}
    assert docker.options["timeout_seconds"] <= 120
    assert docker.removed == ["left"], "what a killed trial left"
    assert not list(runtime.glob("vpn-trial-*"))
    record = json.loads((Path(house.config["paths"]["state"]) / "vpn_trial.json").read_text())
    for text in (told, json.dumps(record), json.dumps(ledger.read())):
        assert "QUJD" not in text and "tk-0123" not in text
    assert told.startswith("gluetun.wireguard_private_key: ")


@pytest.mark.parametrize(
    ("ipv6", "wanted"), [(True, "10.2.0.2/32"), (False, "10.2.0.2/32, 2a07::2/128")]
)
def test_an_ipv6_address_is_left_out_only_where_the_real_container_has_ipv6(
    house: House, monkeypatch: pytest.MonkeyPatch, ipv6: bool, wanted: str
) -> None:
    environment = {"WIREGUARD_ADDRESSES": "10.2.0.2/32, 2a07::2/128"}
    monkeypatch.setattr(compose, "described", lambda *_: {"environment": environment})
    docker: Any = Recorder(ipv6)
    vpn_trial.ask(house.config, docker, "test", "image")
    assert docker.options["environment"]["WIREGUARD_ADDRESSES"] == wanted
