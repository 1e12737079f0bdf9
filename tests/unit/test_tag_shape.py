"""Where an update may go follows from the shape of the tag that a service starts from."""

from __future__ import annotations

import re

import pytest

import tag_shape
from catalog import SERVICES


@pytest.mark.parametrize(
    ("tag", "pattern"),
    [
        ("v3.41.3", r"^v\d+\.\d+\.\d+$"),
        ("6.4.4", r"^\d+\.\d+\.\d+$"),
        ("2.6.5.5623-ls161", r"^\d+\.\d+\.\d+\.\d+-ls\d+$"),
        ("5.2.3_v2.0.13-ls469", r"^\d+\.\d+\.\d+_v\d+\.\d+\.\d+-ls\d+$"),
        ("1.43.0.10492-121068a07-ls297", r"^\d+\.\d+\.\d+\.\d+-[0-9a-f]{9}-ls\d+$"),
    ],
)
def test_a_whole_version_may_move_to_any_of_its_shape(tag: str, pattern: str) -> None:
    assert tag_shape.pattern(tag) == pattern
    assert re.fullmatch(pattern, tag)


@pytest.mark.parametrize("tag", ["6", "v3", "5.2", "latest", "1.27-alpine", "nightly", "a+b"])
def test_a_name_that_is_moved_stays_what_it_is(tag: str) -> None:
    pattern = tag_shape.pattern(tag)
    assert re.fullmatch(pattern, tag)
    assert not any(re.fullmatch(pattern, other) for other in ("7", "v4", "5.3", "latest2", tag * 2))


def test_a_suffix_is_not_left_for_another() -> None:
    pattern = tag_shape.pattern("v8.14.0")
    for other in ("v8.15.0-rc1", "8.15.0", "v8.15", "v8.15.0.1", "xv8.15.0", "v8x15x0"):
        assert not re.fullmatch(pattern, other)


@pytest.mark.parametrize("name", list(SERVICES))
def test_every_service_of_the_catalog_may_stay_where_it_starts(name: str) -> None:
    service = SERVICES[name]
    assert tag_shape.problem(service.tag_pattern, service.tag) == ""


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"\d+\.\d+\.\d+", "whole tag"),
        (r"^\d+\.\d+\.\d+", "whole tag"),
        (r"^1\.2\.3\$", "whole tag"),
        (r"^1\.(2\.3$", "no regular expression"),
        (r"^(?i)1\.2\.3$", "no regular expression"),
        (r"^(?P<major>\d+)\.\d+\.\d+$", "same way"),
        (r"^1\.2\.3\Z$", "same way"),
        (r"^(1\.2\.3$|.*)$", "same way"),
        (r"^v\d+\.\d+\.\d+$", "does not allow the tag 1.2.3"),
    ],
)
def test_a_pattern_that_would_not_do_is_told(pattern: str, words: str) -> None:
    assert words in tag_shape.problem(pattern, "1.2.3")
    assert "; fix: " in tag_shape.problem(pattern, "1.2.3")


@pytest.mark.parametrize("pattern", [r"^[^a-z]+$", r"^(?!14\.)\d+\.\d+\.\d+$", r"^1\.(2|3)\.\d+$"])
def test_a_pattern_that_both_readers_understand_is_none(pattern: str) -> None:
    assert tag_shape.problem(pattern, "1.2.3") == ""
