"""stack-manage.sh in the deployed box, against the real Docker; a stop of the user's holds."""

from __future__ import annotations

import json
import shlex
import tomllib
from typing import Any

import house
import pytest

from checks import box
from checks.box import Host

pytestmark = pytest.mark.box

KEY = "/etc/mediastack/secrets/sonarr/api_key"
KEEPER = "systemctl kill mediastack-keeper.service"
NTFY = "/etc/mediastack/secrets/ntfy/server.yml"
WRONG = [
    [],
    ["nonsense"],
    ["media"],
    ["media", "nonsense"],
    ["media", "up", "sonarr"],
    ["up", "media"],
    ["media", "exec", "seerr"],
    ["all", "logs", "-f"],
    ["status", "--nonsense"],
    ["history", "-n", "many"],
]


def started(host: Host) -> dict[str, tuple[str, str]]:
    """{name: (id, when it was started)}"""
    found = house.containers(host)
    return {name: (one["Id"], one["State"]["StartedAt"]) for name, one in found.items()}


def completed(host: Host, *words: str) -> set[str]:
    """What bash offers after these words, the last of which is being typed."""
    typed = " ".join(shlex.quote(word) for word in ("stack-manage.sh", *words))
    script = (
        f"source /etc/bash_completion.d/stack-manage; COMP_WORDS=({typed});"
        f' COMP_CWORD={len(words)}; _stack_manage; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    return set(box.run(host, f"bash -c {shlex.quote(script)}").split())


def intent(host: Host, service: str) -> str:
    """What status says that the user wants of a service."""
    report = json.loads(house.manage(host, "status", "--json").printed)
    return next(str(row["intent"]) for row in report["services"] if row["service"] == service)


def test_a_bare_docker_stop_holds_across_a_deploy_until_up(host: Host) -> None:
    before = house.ids(host)
    # Frozen, so that the deploy is the first to see it.
    box.run(host, f"{KEEPER} --signal=STOP && docker stop tautulli")
    try:
        done = box.deploy(host)
    finally:
        box.run(host, f"{KEEPER} --signal=CONT")
    assert done.changed == []
    assert "tautulli: stays stopped, as you asked" in done.output
    assert house.state(host, "tautulli") == "exited"
    assert house.wait_for(lambda: intent(host, "tautulli") == "stopped", 12)
    assert house.manage(host, "media", "up", "tautulli").code == 0
    assert house.state(host, "tautulli") == "healthy"
    assert intent(host, "tautulli") == "run"
    assert house.ids(host) == before


def test_a_restart_that_could_not_start_it_again_is_nobodys_wish(host: Host) -> None:
    box.run(host, f"systemctl stop mediastack-keeper && mv {NTFY} {NTFY}.away && mkdir {NTFY}")
    # The call that Autoheal makes.
    assert house.execute(host, "docker restart ntfy").code != 0
    assert house.state(host, "ntfy") == "exited"
    box.run(host, f"rmdir {NTFY} && mv {NTFY}.away {NTFY} && systemctl start mediastack-keeper")
    assert house.wait_for(lambda: house.state(host, "ntfy") == "healthy", 25)
    assert intent(host, "ntfy") == "run"


def test_restart_restarts_what_is_named_and_nothing_else(host: Host) -> None:
    before = started(host)
    assert house.manage(host, "media", "restart", "tautulli").code == 0
    after = started(host)
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {"tautulli"}
    assert before["tautulli"][0] == after["tautulli"][0]
    # It was paused meanwhile, which Docker calls unhealthy until the next check.
    assert house.wait_for(lambda: house.state(host, "autoheal") == "healthy", 15)
    assert started(host)["autoheal"] == before["autoheal"]


def test_an_autoheal_left_paused_goes_on_by_itself(host: Host) -> None:
    box.run(host, "docker pause autoheal")
    assert house.wait_for(lambda: house.state(host, "autoheal") == "healthy", 25)


def test_pull_starts_and_stops_nothing(host: Host) -> None:
    before = started(host)
    assert house.manage(host, "media", "pull", "seerr").code == 0
    assert started(host) == before


def test_logs_ps_config_and_exec_show_what_docker_knows(host: Host) -> None:
    assert "seerr" in house.manage(host, "media", "logs", "--tail", "5", "seerr").printed
    assert "tautulli" in house.manage(host, "media", "ps").printed
    shown = house.manage(host, "all", "config")
    assert shown.code == 0
    assert set(house.ids(host)) <= set(shown.printed.replace(":", " ").split())
    assert house.manage(host, "media", "exec", "seerr", "id", "-u").printed == "1000\n"
    assert house.manage(host, "media", "exec", "seerr", "sh", "-c", "exit 7").code == 7


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_is_told_with_exit_2(host: Host, words: list[str]) -> None:
    code, printed = house.manage(host, *words)
    assert code == 2
    assert printed.startswith("stack-manage.sh: ")


def test_bash_completes_stacks_verbs_and_services(host: Host) -> None:
    assert completed(host, "") >= {"all", "downloads", "media", "ops", "status", "doctor"}
    assert completed(host, "media", "re") == {"restart"}
    assert completed(host, "media", "restart", "tau") == {"tautulli"}
    assert completed(host, "media", "restart", "son") == set()


def history(host: Host) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        house.manage(host, "history", "-n", "50", "--json").printed
    )
    return found


def test_version_and_history_are_told(host: Host) -> None:
    release = tomllib.loads(box.run(host, "cat /etc/mediastack/mediastack.toml"))["release"]
    version = house.manage(host, "version")
    assert version.code == 0
    assert release in version.printed
    before = history(host)
    assert house.manage(host, "media", "restart", "seerr").code == 0
    # The keepers may have something to tell of their own at the same time.
    told = [one for one in history(host) if one not in before and one["actor"] == "cli"]
    assert [(one["subject"], one["outcome"]) for one in told] == [("seerr", "restarted")]


def test_doctor_is_content_with_a_healthy_host_and_names_a_fault(host: Host) -> None:
    assert house.wait_for(lambda: house.manage(host, "doctor").code == 0, 20)
    box.run(host, f"chmod 0644 {KEY}")
    try:
        code, printed = house.manage(host, "doctor")
    finally:
        box.run(host, f"chmod 0400 {KEY}")
    assert code == 1
    assert KEY in printed


def test_a_test_message_arrives_at_ntfy(host: Host) -> None:
    before = {message["id"] for message in house.messages(host)}
    assert house.manage(host, "notify-test").code == 0
    new = [message["title"] for message in house.messages(host) if message["id"] not in before]
    # A keeper's message of the same minute may arrive too.
    assert new.count("Test from your media stack") == 1
