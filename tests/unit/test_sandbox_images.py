"""sandbox.images and its table: every catalog image has a stand-in, and it fits its upstream."""

import pytest

from catalog import SERVICES
from sandbox import images, recipe
from sandbox.standin_table import TABLE


def test_every_service_of_the_catalog_has_a_stand_in() -> None:
    references = images.wanted()
    for service in SERVICES.values():
        assert references[f"{service.image}:{service.tag}"] in TABLE


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_health_check_uses_a_tool_that_its_image_has(name: str) -> None:
    service = SERVICES[name]
    standin = TABLE[service.image.rsplit("/", 1)[-1]]
    test = " ".join(service.health.test) if service.health else ""
    used = {tool for tool in ("curl", "wget") if tool in (test or standin.health).split()}
    assert used <= set(standin.tools)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_without_a_check_of_its_own_has_one_in_its_image(name: str) -> None:
    service = SERVICES[name]
    if service.health is not None and not service.health.test:
        assert TABLE[service.image.rsplit("/", 1)[-1]].health


def test_a_changed_source_changes_the_recipe() -> None:
    files = dict(images._files(TABLE["sonarr"]))
    before = recipe.files_digest(files)
    path = next(iter(files))
    files[path] = (files[path][0] + b"\n", files[path][1])
    assert recipe.files_digest(files) != before
    assert recipe.files_digest({path: (b"", 0o644)}) != recipe.files_digest({path: (b"", 0o755)})


def test_the_digest_does_not_confuse_where_parts_end() -> None:
    assert recipe.digest(b"ab", b"c") != recipe.digest(b"a", b"bc")
