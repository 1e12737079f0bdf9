"""checks.drift: what is mutated, how rounds are chosen, and what a run's output names."""

from __future__ import annotations

import random
from typing import Any

import pytest

from checks import drift, mutations
from checks.framework import Context

CONFIG: dict[str, Any] = {
    "paths": {"etc": "/etc/mediastack"},
    "files": [
        {"path": "/etc/x.conf", "kind": "file", "mode": "0644"},
        {"path": "/opt/mediastack/lib/a.py", "kind": "file", "mode": "0644"},
        {"path": "/etc/docker/daemon.json", "kind": "file", "mode": "0644"},
        {"path": "/data/media", "kind": "directory", "mode": "0775"},
    ],
    "units": [{"name": "mediastack-keeper.service"}, {"name": "mediastack-doctor.timer"}],
    "services": {
        "gluetun": {"owner": True, "zone": "bridge"},
        "seerr": {
            "owner": False,
            "zone": "bridge",
            "attached": {"restart": "unless-stopped", "networks": {"house": "172.30.0.9"}},
        },
    },
    "secrets": [
        {"service": "seerr", "name": "key", "required": True, "origin": "copy"},
        {"service": "seerr", "name": "own", "required": True, "origin": "generated"},
    ],
}
KEY = "/etc/mediastack/secrets/seerr/key"


def known(mounts: list[list[str]]) -> list[mutations.Mutation]:
    return mutations.mutations(CONFIG, {"containers": {"seerr": {"mounts": mounts}}})


def test_no_mutation_takes_the_keeper_gluetun_the_media_or_dockers_settings() -> None:
    subjects = {subject for one in known([]) for subject in one.subjects}
    assert "mediastack-doctor.timer" in subjects and "seerr" in subjects
    spared = {"mediastack-keeper.service", "gluetun", "/etc/docker/daemon.json", "/data/media"}
    assert not subjects & spared


def test_a_host_keeps_the_programs_with_which_it_answers() -> None:
    kinds = {one.kind for one in known([]) if one.subjects[0].endswith("/a.py")}
    assert kinds == {"file mode", "file owner", "file content"}


@pytest.mark.parametrize(("mounts", "subjects"), [([], (KEY,)), ([[KEY, "/k"]], (KEY, "seerr"))])
def test_a_copy_that_is_mounted_names_its_container_too(
    mounts: list[list[str]], subjects: tuple[str, ...]
) -> None:
    copies = {one.subjects for one in known(mounts) if one.kind == "copy gone"}
    assert copies == {subjects}
    # What has no source on the host is never lost.
    assert not [o for o in known(mounts) if "own" in o.subjects[0] and "gone" in o.kind]


@pytest.mark.parametrize("seed", range(20))
def test_rounds_have_the_asked_number_and_no_subject_twice(seed: int) -> None:
    pick = random.Random(seed).randrange  # noqa: S311 - a test's choices
    rounds = list(drift.chosen(known([]), 25, pick))
    assert sum(map(len, rounds)) == 25
    for one in rounds:
        subjects = [subject for mutation in one for subject in mutation.subjects]
        assert len(subjects) == len(set(subjects))
        assert len(one) <= drift.ROUND


def test_what_a_run_names_is_read_without_its_waiting_for_health() -> None:
    output = """
--> Starting operation: Base | Managed files
    [192.0.2.7]   /etc/x.conf: mode 0600 instead of 0644
    [192.0.2.7] Success
    [192.0.2.7]   seerr: recreate (restart no instead of unless-stopped)
    [192.0.2.7]   plex: health: starting
"""
    assert drift.named(output) == {"/etc/x.conf", "seerr"}


def test_both_a_missed_and_an_invented_subject_are_violations() -> None:
    context = Context("drift")
    drift.compare(context, "--dry", {"a", "b"}, {"b", "c"})
    assert context.violations == ["--dry does not name a", "--dry names c, which nobody changed"]
