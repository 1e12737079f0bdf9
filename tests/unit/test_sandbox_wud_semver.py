"""sandbox.standins.wud_semver: versions in npm's order, and what of a tag is a version."""

from __future__ import annotations

import pytest

from sandbox.standins import wud_semver as semver


@pytest.mark.parametrize(
    ("low", "high", "difference"),
    [
        ("v1.2.3", "v1.2.4", "patch"),
        ("1.2.3", "1.3.0", "minor"),
        ("1.2.3", "2.0.0", "major"),
        ("2.6.5-5623.161", "2.6.5-5623.162", "prerelease"),
        ("2.6.5-5623.161", "2.7.0-1.1", "minor"),
        ("6", "7", "major"),
        ("20.04.1", "20.4.2", "patch"),
        ("1.0.0-rc1", "1.0.0", "major"),
        ("1.2.3-rc1", "1.2.3", "patch"),
    ],
)
def test_versions_are_ordered_as_npm_orders_them(low: str, high: str, difference: str) -> None:
    assert semver.is_not_older(high, low) and not semver.is_not_older(low, high)
    assert semver.difference(low, high) == difference


def test_a_tag_without_a_number_is_no_version() -> None:
    assert semver.parse("latest") is None
    assert semver.parse("ls161") == semver.Version((161, 0, 0))
    assert semver.transform("^6()$ => unversioned$1", "6") == "unversioned"
    assert semver.transform("^6$ => nothing", "6") == "6"
    assert semver.transform("^x(.)$ => $1", "6") == "6"
