"""A new WireGuard key: in place, tried, and the old one back when no tunnel comes of it."""

from __future__ import annotations

import base64
import io
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from secrets_house import House as SecretsHouse
from stacks_house import House, furnish

from mediastack import intent, ledger, observe, rotate, rotated, wireguard_key
from mediastack.secret_files import SecretError

OLD, NEW, BAD = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
GLUETUN = "gluetun/wireguard_private_key"


class Zone:
    """A house whose Gluetun holds the key file it was started with, and heals by the right key."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house: House = furnish(tmp_path, monkeypatch)
        self.known = {OLD, NEW}
        self.path = tmp_path / "etc" / "secrets" / GLUETUN
        self.path.parent.mkdir(parents=True)
        self.path.write_text(OLD)
        self.path.chmod(0o400)
        config = self.house.config
        config["paths"]["etc"] = str(tmp_path / "etc")
        ids = {"uid": os.getuid(), "gid": os.getgid()}
        config["secrets"] = [{"service": "gluetun", "name": rotate.NAME, "origin": "user", **ids}]
        self.held: dict[str, tuple[int, str]] = {}
        start, seen, sleep = self.house.docker.start, self.house.observe, self.house.sleep

        def started(container: dict[str, Any]) -> None:
            start(container)
            self.held[container["id"]] = (self.path.stat().st_ino, self.path.read_text())

        def observed(*arguments: Any) -> dict[str, Any]:
            for one in self.house.docker.containers:
                stale = one["name"] == "gluetun" and self.inode(one) != self.path.stat().st_ino
                one["stale_mounts"] = ["/run/secrets/key"] if stale else []
            return seen(*arguments)

        def slept(seconds: float) -> None:
            gluetun = self.house.docker.get("gluetun")
            works = gluetun is not None and self.held[gluetun["id"]][1] in self.known
            self.house.sick = set() if works else {"gluetun"}
            sleep(seconds)

        monkeypatch.setattr(self.house.docker, "start", started)
        monkeypatch.setattr(observe, "observe", observed)
        monkeypatch.setattr(self.house, "sleep", slept)
        furnished = rotate.stacks.apply
        monkeypatch.setattr(
            rotate.stacks, "apply", lambda *a, **k: furnished(*a, **{"sleep": slept, **k})
        )
        monkeypatch.setattr(rotate, "Docker", lambda: self.house)
        monkeypatch.setattr(rotate.configuration, "load", lambda *_: config)
        self.monkeypatch = monkeypatch
        rotate.stacks.apply(config, self.house, "test")  # type: ignore[arg-type]

    def inode(self, container: dict[str, Any]) -> int:
        return self.held[container["id"]][0] if container["id"] in self.held else 0

    def gluetun(self) -> tuple[str, str]:
        """Its container and the key that it holds."""
        found = self.house.docker.get("gluetun")
        assert found is not None
        return found["id"], self.held[found["id"]][1]

    def rotate(self, given: str, *arguments: str) -> int:
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        return rotate.main(["wireguard", *arguments])


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zone:
    return Zone(tmp_path, monkeypatch)


def test_a_new_key_is_put_in_place_and_the_group_comes_back_with_it(
    zone: Zone, capfd: pytest.CaptureFixture[str]
) -> None:
    before = zone.gluetun()[0]
    assert zone.rotate(f"{NEW}\n") == 0
    container, key = zone.gluetun()
    assert (key, container != before) == (NEW, True)
    assert zone.path.read_text() == NEW
    assert stat.S_IMODE(zone.path.stat().st_mode) == 0o400
    assert os.listdir(zone.path.parent) == [zone.path.name], "nothing is left beside it"
    assert set(zone.house.statuses().values()) == {"running"}
    told = capfd.readouterr()
    assert "healthy with its new key" in told.out
    assert "secrets.toml ([gluetun] wireguard_private_key)" in told.out
    assert "Delete the old key" in told.out
    for secret in (OLD, NEW):
        assert secret not in told.out + told.err + str(ledger.read())
    assert ledger.read(1)[0]["outcome"] == "key rotated"


def test_a_key_that_makes_no_tunnel_is_taken_back(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert zone.rotate(BAD) == 1
    assert zone.path.read_text() == OLD
    assert zone.gluetun()[1] == OLD
    assert zone.house.docker.get("gluetun")["health"] == "healthy"  # type: ignore[index]
    told = capsys.readouterr().err
    assert "the old one is back, and gluetun is healthy with it" in told
    assert BAD not in told
    assert os.listdir(zone.path.parent) == [zone.path.name]
    assert [one["outcome"] for one in ledger.read(None, "gluetun")][-1] == "old key put back"
    assert rotated.refusal(zone.house.config, GLUETUN, OLD) == "", "the deploy may bring it"


def test_a_key_that_gluetun_refuses_in_its_trial_costs_no_tunnel(
    zone: Zone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = zone.gluetun()
    no = (1, "ERROR Wireguard settings: private key is not valid: x")
    answer = {OLD: (0, ""), NEW: no}
    monkeypatch.setattr(zone.house, "run", lambda *_, **__: answer[zone.path.read_text()])
    assert zone.rotate(NEW) == 1
    assert zone.gluetun() == before, "the very container"
    assert zone.path.read_text() == OLD
    assert "gluetun.wireguard_private_key: Gluetun refuses it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "is empty"),
        (f"PrivateKey = {NEW}", "begins with 'PrivateKey ='"),
        (NEW[:-4], "30 bytes long"),
        ("not a key", "is not base64"),
    ],
)
def test_what_is_no_key_changes_nothing_and_is_not_shown(
    zone: Zone, given: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = zone.gluetun()
    assert zone.rotate(given) == 1
    assert (zone.gluetun(), zone.path.read_text()) == (before, OLD)
    said = capsys.readouterr().err
    assert told in said and "; fix: " in said
    assert NEW[:20] not in said


def test_the_key_that_is_there_already_is_nothing_to_do(zone: Zone) -> None:
    before = zone.gluetun()
    assert zone.rotate(OLD) == 0
    assert zone.gluetun() == before


def test_a_whole_wireguard_file_is_taken_from_a_file(zone: Zone, tmp_path: Path) -> None:
    file = tmp_path / "wg.conf"
    file.write_text(
        f"[Interface]\n# bouncing\nPrivateKey = {NEW}\nAddress = 10.2.0.2/32\n\n"
        f"[Peer]\nPublicKey = {BAD}\n"
    )
    assert zone.rotate("", "--from", str(file)) == 0
    assert zone.gluetun()[1] == NEW
    assert zone.rotate("", "--from", str(tmp_path / "absent")) == 1
    assert wireguard_key.taken_from("[Interface]\n[Peer]\nPrivateKey = x\n") == ""


def test_a_gluetun_that_the_user_stopped_stays_stopped(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    intent.stop(["gluetun"], "root")
    zone.house.docker.containers.clear()
    assert zone.rotate(NEW) == 0
    assert zone.path.read_text() == NEW
    assert zone.house.docker.get("gluetun") is None
    assert "starts with the new key" in capsys.readouterr().out


def test_a_rotation_that_was_killed_can_be_taken_back(zone: Zone) -> None:
    os.link(zone.path, f"{zone.path}.previous")
    zone.path.unlink()
    zone.path.write_text(BAD)
    assert zone.rotate("", "--back") == 0
    assert (zone.path.read_text(), zone.gluetun()[1]) == (OLD, OLD)
    assert zone.rotate("", "--back") == 1, "there is nothing to go back to any more"


def test_after_a_killed_rotation_a_second_bad_key_still_finds_the_first_good_one(
    zone: Zone,
) -> None:
    os.link(zone.path, f"{zone.path}.previous")
    zone.path.unlink()
    zone.path.write_text(BAD)
    worse = base64.b64encode(bytes([9]) * 32).decode()
    assert zone.rotate(worse) == 1
    assert (zone.path.read_text(), zone.gluetun()[1]) == (OLD, OLD)


def test_a_deploy_that_brings_the_replaced_key_is_refused_and_told_what_to_do(
    tmp_path: Path,
) -> None:
    house = SecretsHouse(tmp_path)
    house.settings["paths"]["state"] = str(tmp_path)
    house.secret(GLUETUN, origin="user")
    house.apply(**{GLUETUN: NEW})
    rotated.remember(house.settings, GLUETUN, OLD, NEW)
    (problem,) = house.check(**{GLUETUN: OLD}).values()
    assert "was replaced on this host" in problem
    assert "secrets.toml ([gluetun] wireguard_private_key)" in problem
    assert OLD not in problem
    with pytest.raises(SecretError, match="still brings the old one"):
        house.apply(**{GLUETUN: OLD})
    assert house.read(GLUETUN) == NEW
    assert house.check(**{GLUETUN: NEW}) == {}
    house.apply(**{GLUETUN: BAD})
    assert house.read(GLUETUN) == BAD, "another key is a wish"
    record = (tmp_path / "rotated.json").read_text()
    assert OLD not in record and NEW not in record
    assert stat.S_IMODE((tmp_path / "rotated.json").stat().st_mode) == 0o600


def test_a_key_that_was_rotated_back_to_may_be_deployed_again(tmp_path: Path) -> None:
    config = {"paths": {"state": str(tmp_path)}}
    rotated.remember(config, GLUETUN, OLD, NEW)
    rotated.remember(config, GLUETUN, NEW, OLD)
    assert rotated.refusal(config, GLUETUN, OLD) == ""
    assert rotated.refusal(config, GLUETUN, NEW)
    assert rotated.refusal(config, "other/wireguard_private_key", NEW) == ""
