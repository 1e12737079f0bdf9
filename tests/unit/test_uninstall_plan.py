"""What an uninstall removes and leaves, for each thing that can be there."""

from __future__ import annotations

import copy
from typing import Any

import doctor_house as house
import pytest

from mediastack import uninstall_plan
from mediastack.uninstall_plan import Plan, plan

DAEMON = "/etc/docker/daemon.json"


def seen(**changes: Any) -> dict[str, Any]:
    def made(kind: str = "file", keep: bool = False) -> dict[str, Any]:
        return {"kind": kind, "keep": keep}

    record = {
        "/opt/mediastack": made("directory"),
        "/opt/mediastack/bin/mediastack": made(),
        "/etc/mediastack/mediastack.toml": made(),
        "/etc/systemd/system/mediastack-keeper.service": made(),
        DAEMON: made(),
        "/srv/mediastack": made("directory", keep=True),
        "/srv/mediastack/config": made("directory", keep=True),
        "/srv/mediastack/config/sonarr": made("directory", keep=True),
        "/data": made("directory", keep=True),
        "/data/media": made("directory", keep=True),
        "/data/.mediastack-sentinel": made(keep=True),
    }
    return copy.deepcopy(
        {
            "settings": house.config(),
            "containers": ["sonarr"],
            "foreign": [],
            "volumes": [],
            "networks": ["homelab_media_network"],
            "images": ["ghcr.io/x/sonarr@sha256:1"],
            "record": record,
            "before": {
                "daemon_json": None,
                "absent": ["/data/media", "/srv/mediastack", "/srv/mediastack/config/sonarr"],
                "account": True,
                "packages": ["docker.io"],
            },
            "media": False,
            "installed": ["docker.io"],
            "account": "mediastack",
            "scratch": [],
            "programs": [
                {
                    "account": "mediastack-monitor",
                    "directory": "/var/lib/mediastack/monitor",
                },
                {
                    "account": "mediastack-updater",
                    "directory": "/var/lib/mediastack/inbox",
                },
            ],
        }
        | changes
    )


def removed(made: Plan) -> list[str]:
    return [one.subject for one in made.steps if one.action in ("remove", "tree")]


def said(made: Plan) -> dict[str, str]:
    return dict(made.stays)


def test_what_starts_containers_goes_before_containers_and_these_before_networks_and_images() -> (
    None
):
    subjects = [one.subject for one in plan(seen(), purge=False).steps]
    order = ["mediastack-keeper.service", "downloads", "homelab_media_network"]
    order += ["ghcr.io/x/sonarr@sha256:1", "/etc/systemd/system/mediastack-keeper.service"]
    assert [one for one in subjects if one in order] == order


def test_the_wall_stands_until_the_last_container_and_goes_before_nft_does() -> None:
    steps = plan(seen(), purge=False).steps
    subjects = [one.subject for one in steps]
    place = subjects.index("mediastack_wall")
    assert subjects.index("sonarr") < place < subjects.index("packages")
    assert "delete table inet mediastack_wall" in steps[place].command[2]
    assert "/var/lib/mediastack/wall.json" in subjects


def test_app_state_backups_and_secrets_stay_and_are_said_unless_purged() -> None:
    kept = plan(seen(), purge=False)
    assert not any(path.startswith("/srv") for path in removed(kept) if path != "/srv/mediastack")
    assert {
        "/srv/mediastack/config", "/srv/mediastack/backups", "/etc/mediastack/secrets",
        "/var/lib/mediastack", "account mediastack",
    } <= set(said(kept))  # fmt: skip
    purged = plan(seen(), purge=True)
    assert {"/srv/mediastack/config", "/srv/mediastack/backups"} <= set(removed(purged))
    assert "account mediastack" in [one.words for one in purged.steps]
    assert not any("/srv" in what or "secrets" in what for what in said(purged))


@pytest.mark.parametrize("purge", [False, True])
def test_media_are_never_removed_with_what_is_in_them(purge: bool) -> None:
    made = plan(seen(media=True), purge=purge)
    trees = [one.subject for one in made.steps if one.action == "tree"]
    assert not any(f"{path}/".startswith("/data/") or "/data".startswith(path) for path in trees)
    assert "/data" in said(made)
    assert "account mediastack" in said(made)


def test_only_directories_that_were_not_there_go_and_the_sentinel_does() -> None:
    gone = removed(plan(seen(), purge=False))
    assert "/data/media" in gone and "/data/.mediastack-sentinel" in gone
    assert "/data" not in gone


def test_programs_and_configuration_are_left_to_the_end() -> None:
    gone = removed(plan(seen(), purge=True))
    assert not any(path.startswith(("/opt/mediastack", "/etc/mediastack")) for path in gone)


def test_dockers_settings_come_back_as_they_were() -> None:
    assert DAEMON in removed(plan(seen(), purge=False))
    before = seen()["before"] | {"daemon_json": '{"debug": true}'}
    (write,) = [s for s in plan(seen(before=before), purge=False).steps if s.action == "write"]
    assert (write.subject, write.text) == (DAEMON, '{"debug": true}')


def test_packages_that_others_use_stay_with_the_reason() -> None:
    for used in ({"foreign": ["nextcloud"]}, {"volumes": ["nextcloud"]}):
        made = plan(seen(**used), purge=True)
        assert not any("apt-get" in one.command for one in made.steps)
        assert "nextcloud" in said(made)["Docker and other packages"]
    (apt,) = [one for one in plan(seen(), purge=False).steps if "apt-get" in one.command]
    assert apt.command[-1] == "docker.io"


def test_dockers_repository_goes_with_its_packages_where_we_brought_it() -> None:
    before = seen()["before"] | {"repository": ["/etc/apt/sources.list.d/docker.sources"]}
    assert before["repository"][0] in removed(plan(seen(before=before), purge=False))
    assert not any("apt" in path for path in removed(plan(seen(), purge=False)))


def test_without_a_note_of_what_was_before_packages_settings_and_account_stay() -> None:
    made = plan(seen(before={}, installed=[]), purge=True)
    assert said(made)["packages"] == said(made)[DAEMON] == uninstall_plan.UNKNOWN
    removals = [one.subject for one in made.steps if "userdel" in " ".join(one.command)]
    assert removals == ["mediastack-monitor", "mediastack-updater"]
    assert DAEMON not in removed(made)


def test_a_second_run_finds_less_to_do_and_does_not_fail() -> None:
    nothing: dict[str, Any] = {"containers": [], "networks": [], "images": [], "record": {}}
    gone = {"account": "", "directory": ""}
    made = plan(seen(**nothing, installed=[], programs=[gone]), purge=False)
    assert not any("accounts" in one.words for one in made.steps)
    actions = {one.action for one in made.steps}
    assert actions <= {"command"}


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize(("name", "place"), [("monitor", "monitor"), ("updater", "inbox")])
def test_a_programs_account_and_memory_go_after_whoever_runs_as_it(
    purge: bool, name: str, place: str
) -> None:
    settings = house.config()
    settings["units"] += [{"name": f"mediastack-{name}.service", "kind": "service"}]
    steps = plan(seen(settings=settings), purge=purge).steps
    subjects = [one.subject for one in steps]
    directory = subjects.index(f"/var/lib/mediastack/{place}")
    account = subjects.index(f"mediastack-{name}")
    assert subjects.index(f"mediastack-{name}.service") < directory < account
    assert steps[directory].action == "tree"
    assert f"userdel mediastack-{name}" in steps[account].command[2]


def test_a_person_reads_what_goes_and_what_stays_each_once() -> None:
    text = uninstall_plan.lines(plan(seen(), purge=False))
    assert len(text) == len(set(text))
    assert text[0] == "This goes:" and "This stays:" in text


def test_copies_of_updates_are_ours_and_go_and_nothing_updates_meanwhile() -> None:
    copies = "/srv/mediastack/config/.mediastack-updates"
    made = plan(seen(scratch=[copies]), purge=False)
    assert copies in removed(made)
    assert made.steps[0].command[:2] == ("systemctl", "stop")
    assert made.steps[0].subject == "mediastack-update.service"
