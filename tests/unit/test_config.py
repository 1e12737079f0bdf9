"""mediastack.config: the file is read whole or refused with the way to mend it."""

import pytest

from mediastack import config


def write(path, text):
    path.write_text(text)
    return str(path)


def test_load_fills_absent_tables_lists_and_paths(tmp_path):
    path = write(tmp_path / "m.toml", 'schema = 1\n[paths]\nstate = "/elsewhere"\n')

    loaded = config.load(path)

    assert loaded["services"] == {} and loaded["secrets"] == []
    assert loaded["paths"]["state"] == "/elsewhere"
    assert loaded["paths"]["etc"] == "/etc/mediastack"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("schema = ", "not valid TOML"),
        ("schema = 99\n", "schema is 99"),
        ("", "schema is None"),
    ],
)
def test_load_refuses_what_it_cannot_use_and_names_the_file(tmp_path, text, message):
    path = str(tmp_path / "m.toml")
    if text is not None:
        write(tmp_path / "m.toml", text)

    with pytest.raises(config.ConfigError, match=message) as caught:
        config.load(path)

    assert path in str(caught.value) and "run the deploy" in str(caught.value)


def test_load_refuses_bytes_that_are_not_text(tmp_path):
    (tmp_path / "m.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(config.ConfigError):
        config.load(str(tmp_path / "m.toml"))


def test_environment_names_another_file(tmp_path, monkeypatch):
    path = write(tmp_path / "m.toml", 'schema = 1\n[paths]\nstate = "/elsewhere"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", path)

    assert config.load()["paths"]["state"] == "/elsewhere"
    assert config.paths()["state"] == "/elsewhere"


def test_paths_work_without_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(tmp_path / "absent.toml"))

    assert config.paths()["state"] == "/var/lib/mediastack"
