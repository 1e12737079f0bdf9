"""adopt.containers and adopt.match: whose directory becomes which service's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import adopt_house as house
import pytest

from mediastack.adopt import containers, match
from mediastack.adopt.house import Refusal


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return house.furnish(tmp_path, monkeypatch)


def found(config: dict[str, Any], *theirs: Any, **asked: Any) -> dict[str, str]:
    sources = match.sources(config, theirs, match.Asked(**asked))
    return {one.service: one.path for one in sources}


def refused(config: dict[str, Any], *theirs: Any, **asked: Any) -> str:
    with pytest.raises(Refusal) as raised:
        match.sources(config, theirs, match.Asked(**asked))
    return str(raised.value)


def an_inspect(**changes: Any) -> dict[str, Any]:
    return {
        "Name": "/tv",
        "Config": {
            "Image": "lscr.io/linuxserver/sonarr:4.0.15",
            "Labels": {"com.docker.compose.project": "media", containers.VERSION: "4.0.15.2941"},
            "Env": ["PUID=1000", "SONARR__AUTH__APIKEY=a=b", "EMPTY"],
        },
        "HostConfig": {"NetworkMode": "media_default"},
        "NetworkSettings": {
            "Ports": {
                "8989/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8990"}],  # noqa: S104
                "1900/udp": [{"HostIp": "", "HostPort": "1900"}],
                "9000/tcp": None,
            }
        },
        "Mounts": [
            {"Type": "bind", "Source": "/opt/sonarr", "Destination": "/config/"},
            {"Type": "volume", "Source": "/var/lib/docker/volumes/v/_data", "Destination": "/tv"},
            {"Type": "tmpfs", "Source": "", "Destination": "/tmp"},  # noqa: S108
        ],
        "State": {"Status": "running"},
        **changes,
    }


def test_a_container_of_theirs_is_read_as_docker_tells_of_it() -> None:
    one = containers.read(an_inspect())
    assert one is not None
    assert (one.name, one.project, one.composed, one.running) == ("tv", "media", "", True)
    assert one.mounts == {"/config": "/opt/sonarr", "/tv": "/var/lib/docker/volumes/v/_data"}
    assert one.environment == {"PUID": "1000", "SONARR__AUTH__APIKEY": "a=b"}
    assert (one.ports, one.host_network, one.version) == ({8990}, False, "4.0.15.2941")


def test_ours_is_none_of_theirs() -> None:
    labels = {"io.mediastack.service": "sonarr"}
    assert containers.read(an_inspect(Config={"Labels": labels, "Image": "x"})) is None


def test_a_container_that_was_never_started_has_no_ports() -> None:
    one = containers.read(an_inspect(NetworkSettings={}, State={"Status": "created"}))
    assert one is not None and not one.running and one.ports == frozenset()


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("tv", "lscr.io/linuxserver/sonarr:latest"),
        ("tv", "linuxserver/sonarr"),
        ("tv", "registry.lan:5000/hotio/sonarr:v4@sha256:" + "0" * 64),
        ("sonarr", "somebody/arr:1"),
    ],
)
def test_image_or_name_tell_whose_it_is(config: dict[str, Any], name: str, image: str) -> None:
    one = house.a_container(name, image=image, mounts={"/config": "/opt/x"})
    assert found(config, one) == {"sonarr": "/opt/x"}


def test_an_image_counts_before_a_name(config: dict[str, Any]) -> None:
    one = house.a_container("bazarr", image="linuxserver/sonarr", mounts={"/config": "/opt/x"})
    assert found(config, one) == {"sonarr": "/opt/x"}


def test_two_services_of_one_image_are_told_by_name(config: dict[str, Any]) -> None:
    config["services"]["sonarr-4k"] = {**config["services"]["sonarr"]}
    one = house.a_container("sonarr-4k", image="linuxserver/sonarr", mounts={"/config": "/4k"})
    two = house.a_container("sonarr", mounts={"/config": "/hd"})
    assert found(config, one, two) == {"sonarr": "/hd", "sonarr-4k": "/4k"}


def test_all_that_fit_are_found_and_others_are_left_alone(config: dict[str, Any]) -> None:
    theirs = [house.a_container(name) for name in ("sonarr", "seerr", "gluetun", "postgres")]
    assert found(config, *theirs) == {"sonarr": "/theirs/sonarr", "seerr": "/theirs/seerr"}


def test_a_project_and_services_narrow_it_down(config: dict[str, Any]) -> None:
    one = house.a_container("sonarr")
    two = house.a_container("tv", image="x/sonarr", project="old", mounts={"/config": "/old"})
    assert found(config, one, two, project="old") == {"sonarr": "/old"}
    both = (one, house.a_container("bazarr"))
    assert found(config, *both, services=["bazarr"]) == {"bazarr": "/theirs/bazarr"}


def test_what_the_user_names_is_taken_and_nothing_else(config: dict[str, Any]) -> None:
    theirs = [house.a_container("sonarr"), house.a_container("bazarr")]
    assert found(config, *theirs, directories={"sonarr": "/x"}) == {"sonarr": "/x"}
    odd = house.a_container("strange", image="x/y", mounts={"/config": "/s"})
    assert found(config, *theirs, odd, containers={"sonarr": "strange"}) == {"sonarr": "/s"}


def test_two_that_fit_are_refused_until_one_is_named(config: dict[str, Any]) -> None:
    two = (house.a_container("sonarr"), house.a_container("tv", image="x/sonarr"))
    said = refused(config, *two)
    assert "2 containers fit: sonarr, tv" in said and "--container sonarr=sonarr" in said
    assert found(config, *two, containers={"sonarr": "sonarr"}) == {"sonarr": "/theirs/sonarr"}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"services": ["sonar"]}, "no service of this host; there are: sonarr, bazarr"),
        ({"services": ["gluetun"]}, "its settings make it what it is"),
        ({"services": ["unpackerr"]}, "has no state that could be adopted"),
        ({"services": ["bazarr"]}, "no container of theirs fits; name it: --container bazarr"),
        ({"containers": {"sonarr": "none"}}, "no container none of theirs; there are: sonarr"),
        ({"project": "no"}, "no compose project no; there are: media"),
        ({"containers": {"sonarr": "a"}, "directories": {"sonarr": "/b"}}, "by container and by"),
    ],
)
def test_what_cannot_be_found_is_refused_with_what_there_is(
    config: dict[str, Any], asked: dict[str, Any], words: str
) -> None:
    assert words in refused(config, house.a_container("sonarr"), **asked)


def test_everything_that_is_wrong_is_said_at_once(config: dict[str, Any]) -> None:
    said = refused(config, services=["one", "two"])
    assert "one: no service" in said and "two: no service" in said


def test_a_container_without_the_mount_is_refused(config: dict[str, Any]) -> None:
    one = house.a_container("sonarr", mounts={"/data": "/x"})
    assert "has nothing mounted at /config" in refused(config, one)


def test_a_mount_within_the_config_is_refused_unless_it_is_left_out_anyway(
    config: dict[str, Any],
) -> None:
    mounts = {"/config": "/x", "/config/asp": "/y"}
    assert "further mounts below /config (/config/asp)" in refused(
        config, house.a_container("sonarr", mounts=mounts)
    )
    mounts = {"/config": "/x", "/config/MediaCover": "/y"}
    assert found(config, house.a_container("sonarr", mounts=mounts)) == {"sonarr": "/x"}


def test_without_any_container_that_fits_it_says_how_to_name_one(config: dict[str, Any]) -> None:
    assert "--directory SERVICE=PATH" in refused(config, house.a_container("postgres"))
