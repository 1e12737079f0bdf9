"""adopt.tailor: our few settings are laid over theirs, and the rest stays theirs."""

from __future__ import annotations

import adopt_house as house
import pytest
import yaml

from mediastack.adopt import settings_ini, settings_xml, tailor
from mediastack.adopt.house import Refusal

ARR = house.ARR_SEED.replace("@@SECRET {service}/api_key@@", "f" * 32)
BAZARR = house.BAZARR_SEED.replace("@@SECRET bazarr/api_key@@", "e" * 32).replace(
    "@@SECRET bazarr/sonarr_api_key@@", "f" * 32
)
QBITTORRENT = house.QBITTORRENT_SEED.replace(
    "@@SECRET qbittorrent/web_password pbkdf2@@", "salt:hash"
)


def test_an_arr_keeps_its_key_and_everything_but_its_place() -> None:
    made = tailor.arr(house.THEIR_XML, ARR)
    before, after = settings_xml.read(house.THEIR_XML), settings_xml.read(made.text)
    assert after == {**before, "Port": "8989", "UrlBase": ""}
    assert made.key == house.KEY
    assert made.notes == ("Port: 8990 -> 8989", "UrlBase: /tv -> (none)")


def test_a_key_from_the_environment_counts_before_the_files() -> None:
    made = tailor.arr(house.THEIR_XML, ARR, "a" * 32)
    assert made.key == "a" * 32 == settings_xml.read(made.text)["ApiKey"]


def test_a_login_that_is_not_asked_for_is_told() -> None:
    text = house.THEIR_XML.replace("Forms", "External")
    assert any("asks nobody to log in" in one for one in tailor.arr(text, ARR).notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no xml", "is no <Config>"),
        (house.THEIR_XML.replace(house.KEY, ""), "holds no API key"),
        (house.THEIR_XML.replace(house.KEY, "a b"), "holds no API key"),
        (house.THEIR_XML.replace("</Config>", "<PostgresHost>db</PostgresHost></Config>"),
         "in PostgreSQL (db)"),
    ],
)  # fmt: skip
def test_an_arr_that_ours_could_not_go_on_with_is_refused(text: str, words: str) -> None:
    with pytest.raises(Refusal) as raised:
        tailor.arr(text, ARR)
    assert words in str(raised.value) and house.KEY not in str(raised.value)


def test_bazarr_keeps_its_key_and_finds_our_neighbours() -> None:
    made = tailor.bazarr(house.THEIR_YAML, BAZARR)
    before, after = yaml.safe_load(house.THEIR_YAML), yaml.safe_load(made.text)
    before["sonarr"] = {"ip": "127.0.0.1", "port": 8989, "base_url": "", "ssl": False,
                        "apikey": "f" * 32}  # fmt: skip
    assert after == before
    assert made.key == house.KEY[::-1]
    assert "sonarr.ip: sonarr -> 127.0.0.1" in made.notes
    assert "sonarr.apikey becomes ours" in made.notes


def test_bazarr_with_another_database_is_refused() -> None:
    text = house.THEIR_YAML + "postgresql:\n  enabled: true\n  host: db\n"
    with pytest.raises(Refusal, match=r"PostgreSQL \(db\)"):
        tailor.bazarr(text, BAZARR)


def test_a_key_of_digits_stays_text_in_yaml() -> None:
    made = tailor.bazarr(house.THEIR_YAML, BAZARR.replace("f" * 32, "1" * 32))
    assert yaml.safe_load(made.text)["sonarr"]["apikey"] == "1" * 32


def test_qbittorrent_gets_what_its_seed_sets_and_keeps_the_rest() -> None:
    text = house.THEIR_INI + "WebUI\\HTTPS\\Enabled=true\nDownloads\\TempPath=/tmp/x\n"
    made = tailor.qbittorrent(text, QBITTORRENT)
    before, seed = settings_ini.read(text), settings_ini.read(QBITTORRENT)
    after = settings_ini.read(made.text)
    assert after == {**before, **seed, tailor.HTTPS: "false"}
    assert any(one.startswith("its login becomes ours") for one in made.notes)
    assert any("/downloads, /tmp/x" in one for one in made.notes)


def test_no_note_shows_a_secret() -> None:
    made = [tailor.arr(house.THEIR_XML, ARR), tailor.bazarr(house.THEIR_YAML, BAZARR),
            tailor.qbittorrent(house.THEIR_INI, QBITTORRENT)]  # fmt: skip
    said = repr([one.notes for one in made])
    assert all(one not in said for one in (house.KEY, house.KEY[::-1], "f" * 32, "salt", "x:y"))


@pytest.mark.parametrize("edit", [tailor.arr, tailor.bazarr, tailor.qbittorrent])
def test_what_was_tailored_stays_as_it_is(edit: object) -> None:
    texts = {tailor.arr: (house.THEIR_XML, ARR), tailor.bazarr: (house.THEIR_YAML, BAZARR),
             tailor.qbittorrent: (house.THEIR_INI, QBITTORRENT)}  # fmt: skip
    text, seed = texts[edit]  # type: ignore[index]
    once = edit(text, seed)  # type: ignore[operator]
    assert edit(once.text, seed).text == once.text  # type: ignore[operator]


def test_bazarr_is_relinked_where_it_points_at_our_sonarr_only() -> None:
    ours = tailor.bazarr(house.THEIR_YAML, BAZARR).text
    stale = ours.replace("f" * 32, "0" * 32)
    assert tailor.relinked(stale, BAZARR) == ours
    assert tailor.relinked(ours, BAZARR) == ours
    elsewhere = stale.replace("127.0.0.1", "10.0.0.9")
    assert tailor.relinked(elsewhere, BAZARR) == elsewhere
