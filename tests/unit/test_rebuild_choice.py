"""Which backup a bare host becomes: never another house's by accident."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rebuild_house import Taken

from mediastack.restore import rebuild_choice
from mediastack.restore.rebuild_state import RebuildError

HOSTS = ("attic", "cellar")
some = st.lists(
    st.builds(
        Taken,
        st.text("0123456789abcdef", min_size=64, max_size=64),
        st.datetimes().map(lambda at: at.isoformat()),
        st.sampled_from(HOSTS),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.time,
)


@given(some, st.sampled_from((*HOSTS, "third")), st.sampled_from((*HOSTS, "")))
def test_nothing_is_newer_among_those_of_the_chosen_host(
    found: list[Taken], this_host: str, asked: str
) -> None:
    there = {one.host for one in found}
    try:
        chosen = rebuild_choice.choose(found, this_host, host=asked)
    except RebuildError:
        assert asked not in there
        assert asked or (len(there) > 1 and this_host not in there)
        return
    assert chosen.host == (asked or (this_host if len(there) > 1 else chosen.host))
    assert not [one for one in found if one.host == chosen.host and one.time > chosen.time]


def test_several_houses_and_none_of_this_name_are_told_with_a_fix() -> None:
    found = [Taken("a" * 64, "1", "attic"), Taken("b" * 64, "2", "cellar")]
    with pytest.raises(RebuildError, match="attic, cellar.*fix: .*--data rebuild_host=attic"):
        rebuild_choice.choose(found, "third")


def test_an_empty_repository_is_told() -> None:
    with pytest.raises(RebuildError, match="holds no backup"):
        rebuild_choice.choose([], "attic")


def test_one_is_taken_by_the_beginning_of_its_id() -> None:
    found = [Taken("abcd" + "0" * 60, "1", "attic"), Taken("abce" + "0" * 60, "2", "attic")]
    assert rebuild_choice.choose(found, "x", snapshot="abcd").time == "1"
    for wrong in ("abc", "ffff", "a"):
        with pytest.raises(RebuildError, match=r"no backup .*; fix: one of"):
            rebuild_choice.choose(found, "x", snapshot=wrong)


@pytest.mark.parametrize(
    ("made_by", "here", "refused"),
    [
        ("0.2.0-dev+aaa", "0.2.0-dev+bbb", False),
        ("0.2.0+aaa", "0.2.0-dev+bbb", True),
        ("0.2.0-dev", "0.2.0", False),
        ("0.10.0", "0.9.9", True),
        ("1.0.0", "0.99.0", True),
        ("", "0.1.0", False),
    ],
)
def test_a_newer_release_is_refused(made_by: str, here: str, refused: bool) -> None:
    if not refused:
        rebuild_choice.refuse_newer(made_by, here)
        return
    with pytest.raises(RebuildError, match="newer than .* fix: git pull"):
        rebuild_choice.refuse_newer(made_by, here)
