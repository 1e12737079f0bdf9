"""adopt.settings_*: what is set is set, and what is not stays letter by letter."""

from __future__ import annotations

import configparser
import xml.etree.ElementTree as ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mediastack.adopt import settings_ini, settings_xml, settings_yaml

CONFIG_XML = """<Config>
  <BindAddress>10.0.0.2</BindAddress>
  <Port>8990</Port>
  <ApiKey>0123456789abcdef0123456789abcdef</ApiKey>
  <UrlBase>/tv</UrlBase>
  <InstanceName>Tom &amp; Ann's</InstanceName>
  <SslCertPath></SslCertPath>
</Config>
"""
CONFIG_YAML = """---
analytics:
  enabled: true
auth:
  apikey: 'its own key'
  password: ''
  type: null
general:
  base_url: /subs
  path_mappings:
  - - /tv
    - /data/media/tv
  nested:
    port: 1
  port: 6767
  use_sonarr: true
sonarr:
  apikey: old
  ip: sonarr
  port: 8989
"""
CONFIG_INI = r"""[AutoRun]
enabled=false

[BitTorrent]
Session\DefaultSavePath=/downloads/
Session\Port=51413

[Preferences]
WebUI\Port=9090
WebUI\Username=tom
"""
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)


def elements(text: str) -> dict[str, str]:
    return {one.tag: one.text or "" for one in ElementTree.fromstring(text)}  # noqa: S314


def sections(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_an_element_is_replaced_and_the_others_stay() -> None:
    new = settings_xml.replaced(CONFIG_XML, {"Port": "8989", "UrlBase": "", "Theme": "dark"})
    before, after = elements(CONFIG_XML), elements(new)
    assert after == {**before, "Port": "8989", "UrlBase": "", "Theme": "dark"}
    assert "<InstanceName>Tom &amp; Ann's</InstanceName>" in new


@given(TEXT, TEXT)
def test_any_text_becomes_an_element_and_is_read_again(one: str, two: str) -> None:
    text = settings_xml.replaced("<Config>\n</Config>\n", {"A": one, "B": two})
    text = settings_xml.replaced(text, {"A": two})
    assert elements(text) == {"A": two, "B": two}
    assert settings_xml.read(text) == {"A": two, "B": two}


@pytest.mark.parametrize("text", ["", "<html></html>", "<Config><Port>1</Port>", "key: value"])
def test_what_is_no_config_xml_is_refused(text: str) -> None:
    with pytest.raises(settings_xml.Unreadable):
        settings_xml.replaced(text, {"Port": "1"})


def test_a_key_of_a_yaml_section_is_replaced_and_its_namesakes_stay() -> None:
    new = settings_yaml.replaced(
        CONFIG_YAML,
        {
            ("general", "port"): 6768,
            ("general", "base_url"): "",
            ("sonarr", "ssl"): False,
            ("sonarr", "apikey"): "12345",
            ("radarr", "ip"): "127.0.0.1",
        },
    )
    before, after = yaml.safe_load(CONFIG_YAML), yaml.safe_load(new)
    before["general"] |= {"port": 6768, "base_url": ""}
    before["sonarr"] |= {"ssl": False, "apikey": "12345"}
    before["radarr"] = {"ip": "127.0.0.1"}
    assert after == before


def test_yaml_values_are_read_without_their_quotes() -> None:
    found = settings_yaml.read(CONFIG_YAML)
    assert found["auth", "apikey"] == "its own key"
    assert found["auth", "type"] == ""
    assert found["general", "port"] == "6767"
    assert ("nested", "port") not in found


@given(TEXT, st.integers(0, 65535), st.booleans())
def test_any_text_becomes_a_yaml_value(text: str, number: int, flag: bool) -> None:
    values = {("a", "t"): text, ("a", "n"): number, ("b", "f"): flag}
    new = settings_yaml.replaced(CONFIG_YAML, values)
    found = yaml.safe_load(new)
    assert (found["a"], found["b"]) == ({"t": text, "n": number}, {"f": flag})
    assert settings_yaml.read(new)["a", "t"] == text


@pytest.mark.parametrize("text", ["", "just words", "{auth: {apikey: x}}", "- a\n- b"])
def test_what_is_no_config_yaml_is_refused(text: str) -> None:
    with pytest.raises(settings_yaml.Unreadable):
        settings_yaml.replaced(text, {("auth", "apikey"): "x"})


def test_a_key_of_an_ini_section_is_replaced_in_its_section_only() -> None:
    new = settings_ini.replaced(
        CONFIG_INI,
        {
            ("BitTorrent", r"Session\Port"): "6881",
            ("BitTorrent", r"Session\Interface"): "tun0",
            ("Preferences", r"WebUI\Port"): "8080",
            ("LegalNotice", "Accepted"): "true",
        },
    )
    before = sections(CONFIG_INI)
    before["BitTorrent"] |= {r"Session\Port": "6881", r"Session\Interface": "tun0"}
    before["Preferences"] |= {r"WebUI\Port": "8080"}
    before["LegalNotice"] = {"Accepted": "true"}
    assert sections(new) == before


def test_a_key_that_is_there_twice_is_there_once_afterwards() -> None:
    text = "[A]\nk=1\nk=2\nl=3\n"
    assert settings_ini.replaced(text, {("A", "k"): "9"}) == "[A]\nk=9\nl=3\n"


@given(st.dictionaries(st.tuples(st.sampled_from("ABC"), st.sampled_from("klm")), st.just("v")))
def test_setting_the_same_again_changes_nothing(values: dict[tuple[str, str], str]) -> None:
    once = settings_ini.replaced("[A]\nk=1\n\n[B]\nx=2\n", values)
    assert settings_ini.replaced(once, values) == once
    assert dict.fromkeys(values, "v").items() <= settings_ini.read(once).items()
