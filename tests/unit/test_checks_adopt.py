"""checks.adopt: every fault can be planted in these sources, every situation is one of its own."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest

from checks import adopt, adopt_refusals
from checks.framework import Context
from checks.inside import hand_made
from sandbox.state import ROOT


@pytest.mark.parametrize("name", adopt.BREAKS)
def test_a_fault_can_be_planted(name: str) -> None:
    context = Context("adopt", box=SimpleNamespace(sources=ROOT))
    with adopt.BREAKS[name].plant(context):
        for path in context.fault_sources.glob("files/mediastack/adopt/*.py"):
            compile(path.read_text(), str(path), "exec")


def test_situations_have_names_and_words_of_their_own() -> None:
    every = adopt_refusals.situations()
    assert len({one.name for one in every}) == len(every) > 10
    assert all(one.words and one.code in (1, 2) for one in every)
    # What is begun is ended.
    assert all(one.after != "true" for one in every if one.before != "true")


def test_the_torrent_is_one() -> None:
    wanted, content = hand_made.torrent()
    info = content[content.index(b"4:info") + 6 : -1]
    assert hashlib.sha1(info).hexdigest() == wanted  # noqa: S324
    assert content.startswith(b"d8:announce22:http://192.0.2.1/x/y/z4:info")
    assert len(b"http://192.0.2.1/x/y/z") == 22
