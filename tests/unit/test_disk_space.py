"""Room on a disk, as the settings write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediastack import disk_space

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "total_gib", "gib"),
    [
        ("20 GiB", 500, 20),
        ("20GiB", 500, 20),
        ("1.5 TiB", 4000, 1536),
        ("5%", 500, 25),
        ("0.5 %", 1000, 5),
        ("5% or 20 GiB", 100, 5),
        ("5% or 20 GiB", 8000, 20),
    ],
)
def test_a_setting_is_so_many_bytes_of_a_disk(text: str, total_gib: int, gib: float) -> None:
    assert disk_space.parse(text).of(total_gib * GIB) == gib * GIB


@pytest.mark.parametrize(
    "text",
    [
        *("", "20", "20 GB", "GiB", "-5%", "0%", "0 GiB", "91%", "5% 20 GiB", "5 or 20 GiB"),
        *("20 GiB or 5%", "5%\n", "1e3 GiB", "5% or 0 GiB"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="room|nothing|more than"):
        disk_space.parse(text)


spaces = st.builds(
    disk_space.Space,
    st.one_of(st.none(), st.floats(0.1, 90)),
    st.one_of(st.none(), st.floats(0.1, 1e5)),
).filter(lambda space: space != (None, None))


@given(spaces, spaces, st.integers(1, 10**6))
def test_what_is_less_is_less_on_every_disk(
    one: disk_space.Space, other: disk_space.Space, total_gib: int
) -> None:
    if one.below(other):
        total = total_gib * GIB
        assert one.of(total) <= other.of(total)


def test_what_cannot_be_compared_without_a_disk_is_not() -> None:
    parse = disk_space.parse
    assert parse("5%").below(parse("20 GiB")) is None
    assert parse("5% or 20 GiB").below(parse("30 GiB")) is None
    assert parse("5% or 30 GiB").below(parse("6% or 20 GiB")) is False
    assert parse("5%").below(parse("6%")) is True
    assert parse("5%").below(parse("5%")) is False


@pytest.mark.parametrize(
    ("size", "text"),
    [(300 * 1024**2, "300 MiB"), (1.25 * GIB, "1.2 GiB"), (2048 * GIB, "2.0 TiB"), (0, "0 MiB")],
)
def test_a_size_is_readable(size: float, text: str) -> None:
    assert disk_space.words(size) == text
