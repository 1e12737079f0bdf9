"""What the real versions of checks/updates are made of, and how long a service was away."""

from __future__ import annotations

from typing import Any

from checks import updates_real, updates_real_cases
from checks.updates_crash_judge import Record
from mediastack import image_lock
from sandbox.variants import with_environment


def config() -> dict[str, Any]:
    variables = ["PATH=/usr/bin", "STANDIN_SCHEMA=0"]
    return {"architecture": "amd64", "config": {"Env": variables, "Healthcheck": {"Test": ["x"]}}}


def case(name: str) -> updates_real_cases.Real:
    return next(one for one in updates_real_cases.ALL if one.name == name)


def test_an_environment_replaces_variables_of_the_same_name() -> None:
    found = config()
    with_environment({"STANDIN_SCHEMA": "3", "STANDIN_HEALTH": "sick"})(found)
    assert found["config"]["Env"] == ["PATH=/usr/bin", "STANDIN_SCHEMA=3", "STANDIN_HEALTH=sick"]


def test_a_migration_is_one_schema_more_than_the_present() -> None:
    found = config()
    case("migrates-then-crashes").apply(found, "2.0.2", 2)
    assert "STANDIN_SCHEMA=3" in found["config"]["Env"]
    assert "STANDIN_EXIT_CODE=1" in found["config"]["Env"]


def test_what_ails_a_version_is_in_its_configuration() -> None:
    for name, part, wanted in (
        ("no-healthcheck", "Healthcheck", None),
        ("wrong-entry-point", "Entrypoint", ["/no/such/program"]),
    ):
        found = config()
        case(name).apply(found, "2.0.2", 0)
        assert found["config"].get(part) == wanted
    found = config()
    case("wrong-architecture").apply(found, "2.0.2", 0)
    assert found["architecture"] == "s390x"


def test_every_run_has_eight_that_must_not_stay_and_four_good_ones() -> None:
    ends = [one.ends for one in updates_real_cases.ALL if one.default]
    assert ends.count("new") == 4
    assert len(ends) - ends.count("new") == 8


def test_tags_rise() -> None:
    tags = [updates_real.crash_tag(n, index=index) for n in (1, 2) for index in (False, True)]
    assert all(image_lock.is_newer(b, a) for a, b in zip(tags, tags[1:], strict=False))


def test_away_is_from_the_end_of_the_first_to_the_start_of_the_one_that_stays() -> None:
    def away(*ran: tuple[float, list[str]]) -> float:
        return updates_real.away(Record(ran=[list(one) for one in ran]))

    assert away((1.0, ["a"])) == 0.0
    assert away((1.0, ["a"]), (5.0, []), (7.0, ["b"])) == 2.0
    assert away((1.0, ["a"]), (5.0, []), (7.0, ["b"]), (8.0, []), (9.0, ["c"])) == 4.0
