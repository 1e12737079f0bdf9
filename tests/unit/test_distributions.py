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


@EACH
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_each_release_deploys_on_both_architectures_without_a_package_named_after_one(
    row: Distribution, machine: str
) -> None:
    assert machine in distributions.ARCHITECTURES
    for setting in ("auto", "docker"):
        names = distributions.packages(row, setting)
        assert not any(word in name for name in names for word in ("amd64", "arm64", machine))
    assert "Architectures" not in distributions.docker_repository(row)["text"]


EXPECTED = {
    "debian 12": ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin"),
    "debian 13": ("docker.io", "docker-cli", "docker-compose"),
    "ubuntu 22.04": ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin"),
    "ubuntu 24.04": ("docker.io", "docker-compose-v2"),
}


@EACH
def test_each_release_has_exactly_its_packages(row: Distribution) -> None:
    base = (
        *("ca-certificates", "python3-venv", "procps", "nftables", "rsync", "skopeo"),
        *("restic", "zstd"),
    )
    assert distributions.packages(row, "auto") == base + EXPECTED[f"{row.name} {row.version}"]


def test_only_hosts_that_take_docker_from_its_repository_have_to_reach_it() -> None:
    assert set(distributions.docker_keys("auto")) == {"debian 12", "ubuntu 22.04"}
    assert set(distributions.docker_keys("docker")) == set(NAMES)
    assert distributions.docker_keys("distribution") == {}
    assert distributions.with_own_docker() == "debian 13, ubuntu 24.04"
