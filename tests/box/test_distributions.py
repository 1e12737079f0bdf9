"""A release without a Docker of its own: what is missing is said before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator

import house
import pytest

from checks import box
from checks.box import Host
from sandbox import lifecycle

pytestmark = pytest.mark.box


@pytest.fixture(scope="module")
def bookworm() -> Iterator[Host]:
    """A bare Debian 12 box, which cannot reach Docker's own repository."""
    name = f"{house.NAME}-bookworm"
    lifecycle.up(name, suite="bookworm", assume_yes=True, with_images=False)
    with box.opened(name) as host:
        yield host
    lifecycle.down(name)


def test_debian_12_without_a_way_to_dockers_repository_is_refused_before_any_change(
    bookworm: Host,
) -> None:
    before = box.inside(bookworm, "whole")
    done = box.deploy(bookworm, "-y", check=False, as_json=False)
    assert done.code == 1
    said = " ".join(done.output.split())
    assert "docker.source: Debian GNU/Linux 12 (bookworm) takes Docker from" in said
    assert "fix: give the host a way there" in said and "debian 13" in said
    assert "Managed files" not in done.output
    assert box.inside(bookworm, "whole") == before
