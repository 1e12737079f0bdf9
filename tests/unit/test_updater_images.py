"""updater.images: what the registry has, the new image verified, the old one kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import updater_house as house

from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_images import NoSuchImage
from mediastack.updater import images
from mediastack.updater.house import Trouble


@pytest.fixture
def docker() -> house.Images:
    made = house.Images()
    made.has(house.OLD)
    return made


def pull(docker: house.Images, root: str = "/nowhere") -> None:
    engine: Any = docker
    images.pull(engine, house.a_transaction(), root=root)


def trouble(docker: house.Images, root: str = "/nowhere") -> tuple[str, str]:
    with pytest.raises(Trouble) as raised:
        pull(docker, root)
    return raised.value.kind, str(raised.value)


def test_the_new_image_is_pulled_by_digest_and_both_get_names_that_a_prune_respects(
    docker: house.Images,
) -> None:
    pull(docker)
    assert docker.pulled == [f"{house.SEERR}@{house.TWO}"]
    keep = f"{images.KEEP}/seerr"
    assert docker.named == [f"{keep}:{'1' * 12}", f"{keep}:{'2' * 12}", f"{house.SEERR}:v1.0.1"]


def test_names_of_ours_come_after_all_others_for_whats_up_docker_takes_the_first() -> None:
    def full(name: str) -> str:
        """As Docker sorts them: a name without a domain is of docker.io."""
        first = name.partition("/")[0]
        return name if "." in first or ":" in first else f"docker.io/{name}"

    ours = images.kept_name("seerr", house.ONE)
    others = ["willfarrell/autoheal:1", "quay.io/x:1", "registry.lan:5000/x:1", "zz-top/x:1"]
    assert max([*others, ours], key=full) == ours


def test_a_second_time_nothing_is_pulled(docker: house.Images) -> None:
    pull(docker)
    pull(docker)
    assert len(docker.pulled) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NoSuchImage("manifest unknown"), "gone"),
        (NotReachable("registry: 500"), "passing"),
        (DockerError("toomanyrequests: slow down"), "passing"),
        (DockerError("no space left on device"), "passing"),
        (DockerError("unexpected EOF"), "passing"),
        (DockerError("no matching manifest for linux/amd64 in the manifest list"), "bad"),
    ],
)
def test_what_stops_a_pull_is_told_apart(docker: house.Images, error: Exception, kind: str) -> None:
    docker.trouble = error
    assert trouble(docker)[0] == kind


def test_an_image_for_another_machine_is_bad(docker: house.Images) -> None:
    docker.has(house.NEW, architecture="arm64")
    assert trouble(docker) == ("bad", "it is for linux/arm64, this machine is linux/amd64")


def test_without_the_old_image_there_is_no_way_back_and_no_update(docker: house.Images) -> None:
    docker.here.clear()
    kind, why = trouble(docker)
    assert kind == "passing" and "no way back" in why
    assert docker.pulled == []


def test_a_full_disk_is_no_fault_of_the_image(docker: house.Images, tmp_path: Path) -> None:
    found = pytest.MonkeyPatch()
    found.setattr(images, "LEAST_FREE_BYTES", 1 << 60)
    try:
        kind, why = trouble(docker, str(tmp_path))
    finally:
        found.undo()
    assert kind == "passing" and "MiB free" in why and docker.pulled == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (NoSuchImage("manifest unknown"), "gone"),
        (NotReachable("down"), "passing"),
        (DockerError("denied"), "passing"),
        ("latest", "passing"),
    ],
)
def test_a_tag_without_an_answer_is_told_apart(
    docker: house.Images, answer: str | Exception, kind: str
) -> None:
    docker.registry["x:1"] = answer
    engine: Any = docker
    with pytest.raises(Trouble) as raised:
        images.resolve(engine, "x:1")
    assert raised.value.kind == kind


def test_a_tag_has_the_digest_that_the_registry_says(docker: house.Images) -> None:
    docker.registry["x:1"] = house.TWO
    engine: Any = docker
    assert images.resolve(engine, "x:1") == house.TWO
