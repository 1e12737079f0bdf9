"""The table of distributions: supported releases, and where their Docker comes from."""

from __future__ import annotations

import pytest

import distributions
from distributions import SUPPORTED, Distribution

NAMES = [f"{row.name} {row.version}" for row in SUPPORTED]
EACH = pytest.mark.parametrize("row", SUPPORTED, ids=NAMES)


def test_the_supported_releases() -> None:
    assert NAMES == ["debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04"]
    assert distributions.supported_names() == ", ".join(NAMES)


@EACH
def test_a_release_is_found_by_what_it_says_of_itself(row: Distribution) -> None:
    said = {"ID": row.name, "VERSION_ID": row.version, "PRETTY_NAME": "anything"}
    assert distributions.find(said) == row


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ID": "debian"},
        {"ID": "debian", "VERSION_ID": "11"},
        {"ID": "arch", "VERSION_ID": "13"},
    ],
)
def test_another_release_is_not_found(said: dict[str, str]) -> None:
    assert distributions.find(said) is None


def test_only_new_releases_have_a_docker_that_is_new_enough() -> None:
    own = {f"{row.name} {row.version}" for row in SUPPORTED if row.docker_packages}
    assert own == {"debian 13", "ubuntu 24.04"}


@EACH
def test_the_setting_decides_and_auto_prefers_the_distribution(row: Distribution) -> None:
    automatic = distributions.docker_source(row, "auto")
    assert automatic == ("distribution" if row.docker_packages else "docker")
    assert distributions.docker_source(row, "docker") == "docker"


@EACH
def test_the_packages_hold_one_engine_with_compose_and_what_our_programs_need(
    row: Distribution,
) -> None:
    for setting in ("auto", "docker"):
        names = distributions.packages(row, setting)
        assert len(names) == len(set(names))
        assert {"ca-certificates", "python3-venv"} <= set(names)
        assert len({"docker.io", "docker-ce"} & set(names)) == 1
        assert any("compose" in name for name in names)
    assert "docker-ce" in distributions.packages(row, "docker")


@EACH
def test_dockers_repository_is_that_of_the_release_and_names_its_key(row: Distribution) -> None:
    repository = distributions.docker_repository(row)
    fields = dict(line.split(": ", 1) for line in repository["text"].splitlines())
    assert fields == {
        "Types": "deb",
        "URIs": f"https://download.docker.com/linux/{row.name}",
        "Suites": row.code_name,
        "Components": "stable",
        "Signed-By": repository["key"],
    }
    assert repository["key_url"].startswith("https://")
    assert repository["source"].endswith(".sources")
