"""mediastack.image_lock: the digest that ran, as long as the catalog allows it."""

import json
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mediastack import image_lock

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SONARR = "registry.lan:5000/ghcr.io/linuxserver/sonarr"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "images.lock")


def test_unlocked_service_runs_the_catalogs_image(path):
    assert image_lock.reference("sonarr", f"{SONARR}:4.0.20", path=path) == f"{SONARR}:4.0.20"


@pytest.mark.parametrize(
    ("locked", "catalog", "kept"),
    [
        ("4.0.20", "4.0.20", True),
        ("4.0.21", "4.0.20", True),
        ("4.0.100", "4.0.20", True),
        ("4.1.0", "4.0.99", True),
        ("4.0.9", "4.0.20", False),
        ("v3.41.4", "v3.41.3", True),
        ("4.1", "4.0.20", False),
        ("v4.0.21", "4.0.20", False),
        ("latest", "latest", True),
        ("nightly", "latest", False),
        ("4.0.21", "latest", False),
        ("4.0.20-ls301", "4.0.20-ls99", True),
        ("1.43.1.10500-aaaaaaaaa", "1.43.0.10492-121068a07", True),
        ("1.43.0.10492-aaaaaaaaa", "1.43.0.10492-121068a07", False),
        ("1.42.9.10492-aaaaaaaaa", "1.43.0.10492-121068a07", False),
    ],
)
def test_lock_counts_while_its_tag_is_the_same_or_newer(path, locked, catalog, kept):
    image_lock.record("sonarr", f"{SONARR}:{locked}", ONE, path=path)

    found = image_lock.reference("sonarr", f"{SONARR}:{catalog}", path=path)

    assert found == (f"{SONARR}:{locked}@{ONE}" if kept else f"{SONARR}:{catalog}")


def test_another_repository_means_the_catalogs_image(path):
    image_lock.record("sonarr", f"{SONARR}:4.0.21", ONE, path=path)

    assert image_lock.reference("sonarr", "ghcr.io/x/sonarr:4.0.20", path=path) == (
        "ghcr.io/x/sonarr:4.0.20"
    )


def test_digest_pinned_by_the_catalog_beats_the_lock_of_the_same_tag(path):
    image_lock.record("sonarr", f"{SONARR}:4.0.20", ONE, path=path)

    pinned = f"{SONARR}:4.0.20@{TWO}"
    assert image_lock.reference("sonarr", pinned, path=path) == pinned
    assert image_lock.reference("sonarr", f"{SONARR}:4.0.20@{ONE}", path=path).endswith(ONE)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("registry.lan:5000/a/b", ("registry.lan:5000/a/b", "latest")),
        ("registry.lan:5000/a/b:1", ("registry.lan:5000/a/b", "1")),
        (f"a/b:1@{ONE}", ("a/b", "1")),
    ],
)
def test_split_tells_a_port_from_a_tag(image, parts):
    assert image_lock.split(image) == parts


@given(st.text("0123456789.v-lsabcdef", max_size=20), st.text("0123456789.v-lsabcdef", max_size=20))
def test_two_tags_are_never_both_newer_than_each_other(one, two):
    assert not (image_lock.is_newer(one, two) and image_lock.is_newer(two, one))


def test_record_writes_the_agreed_form_and_keeps_the_others(path):
    image_lock.record("sonarr", f"{SONARR}:4.0.20", ONE, path=path)
    image_lock.record("radarr", f"radarr:1@{TWO}", TWO, path=path)

    with open(path) as stream:
        lock = json.load(stream)
    assert lock["schema"] == 1 and sorted(lock["services"]) == ["radarr", "sonarr"]
    assert lock["services"]["radarr"]["image"] == "radarr:1"
    assert sorted(lock["services"]["sonarr"]) == ["digest", "image", "recorded_at"]


def test_recording_the_same_again_writes_nothing(path):
    image_lock.record("sonarr", f"{SONARR}:4.0.20", ONE, path=path)
    before = os.stat(path).st_ino

    image_lock.record("sonarr", f"{SONARR}:4.0.20", ONE, path=path)

    assert os.stat(path).st_ino == before


def an_update(path):
    image_lock.record("sonarr", f"{SONARR}:4.0.20", ONE, path=path)
    image_lock.trial("sonarr", f"{SONARR}:4.0.21", TWO, path=path)


def kept(path):
    with open(path) as stream:
        return json.load(stream)["services"]["sonarr"]


def test_a_trial_counts_before_the_entry_which_older_programs_still_read(path):
    an_update(path)

    found = image_lock.reference("sonarr", f"{SONARR}:4.0.20", path=path)
    assert found == f"{SONARR}:4.0.21@{TWO}"
    assert (kept(path)["image"], kept(path)["digest"]) == (f"{SONARR}:4.0.20", ONE)


def test_a_trial_of_the_same_tag_is_another_digest(path):
    image_lock.record("sonarr", f"{SONARR}:latest", ONE, path=path)
    image_lock.trial("sonarr", f"{SONARR}:latest", TWO, path=path)

    assert image_lock.reference("sonarr", f"{SONARR}:latest", path=path).endswith(TWO)


def test_a_trial_that_the_catalog_has_overtaken_does_not_count(path):
    an_update(path)

    assert image_lock.reference("sonarr", f"{SONARR}:4.0.22", path=path) == f"{SONARR}:4.0.22"


def test_a_settled_trial_is_the_entry_and_what_ran_before_is_kept(path):
    an_update(path)

    image_lock.settle_trial("sonarr", path=path)
    image_lock.settle_trial("sonarr", path=path)

    entry = kept(path)
    assert (entry["image"], entry["digest"]) == (f"{SONARR}:4.0.21", TWO)
    assert entry["previous"] == {"image": f"{SONARR}:4.0.20", "digest": ONE}
    assert "trial" not in entry
    image_lock.forget_previous("sonarr", path=path)
    assert sorted(kept(path)) == ["digest", "image", "recorded_at"]


def test_a_dropped_trial_leaves_what_was_there_before(path):
    image_lock.record("sonarr", f"{SONARR}:4.0.20", ONE, path=path)
    before = kept(path)
    image_lock.trial("sonarr", f"{SONARR}:4.0.21", TWO, path=path)

    image_lock.drop_trial("sonarr", path=path)
    image_lock.drop_trial("sonarr", path=path)

    assert kept(path) == before


def test_what_is_put_back_has_no_trial_and_nothing_before_it(path):
    an_update(path)
    image_lock.settle_trial("sonarr", path=path)
    image_lock.trial("sonarr", f"{SONARR}:4.0.22", "sha256:" + "3" * 64, path=path)

    image_lock.put_back("sonarr", f"{SONARR}:4.0.20", ONE, path=path)

    assert sorted(kept(path)) == ["digest", "image", "recorded_at"]
    assert kept(path)["digest"] == ONE


def test_nothing_is_tried_that_one_could_not_go_back_from(path):
    with pytest.raises(ValueError, match="nothing is locked"):
        image_lock.trial("sonarr", f"{SONARR}:4.0.21", TWO, path=path)
    image_lock.drop_trial("sonarr", path=path)
    image_lock.settle_trial("sonarr", path=path)
    assert not os.path.exists(path)


def test_a_damaged_trial_counts_as_none(path):
    an_update(path)
    with open(path) as stream:
        text = stream.read()
    with open(path, "w") as stream:
        stream.write(text.replace(TWO, "sha256:2"))

    assert image_lock.reference("sonarr", f"{SONARR}:4.0.20", path=path).endswith(ONE)
    image_lock.settle_trial("sonarr", path=path)
    assert kept(path)["digest"] == ONE


@pytest.mark.parametrize("digest", ["", "sha256:12", "latest", ONE.upper()])
def test_record_refuses_what_is_no_digest(path, digest):
    with pytest.raises(ValueError, match="sonarr"):
        image_lock.record("sonarr", f"{SONARR}:1", digest, path=path)
    assert not os.path.exists(path)


def test_lock_of_another_schema_is_refused(path):
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as stream:
        stream.write('{"schema": 2, "services": {}}')

    with pytest.raises(ValueError, match="schema is 2"):
        image_lock.reference("sonarr", "x:1", path=path)


def settings(tmp_path, **services):
    return {
        "paths": {"program": str(tmp_path / "program")},
        "services": {
            name: {"stack": stack, "image": image} for name, (stack, image) in services.items()
        },
    }


def test_overrides_follow_lock_and_configuration(tmp_path, path):
    both = settings(
        tmp_path, sonarr=("downloads", f"{SONARR}:4.0.20"), plex=("media", "plex:1.43.0")
    )
    image_lock.record("sonarr", f"{SONARR}:4.0.21", ONE, path=path)
    image_lock.record("gone", "gone:1", ONE, path=path)
    file = tmp_path / "program" / "stacks" / "downloads" / "images.yaml"

    assert image_lock.write_overrides(both, path=path) == [str(file)]
    assert file.read_text().startswith("#")
    assert yaml.safe_load(file.read_text()) == {
        "services": {"sonarr": {"image": f"{SONARR}:4.0.21@{ONE}"}}
    }
    assert not (tmp_path / "program" / "stacks" / "media").exists()

    before = file.stat().st_ino
    assert image_lock.write_overrides(both, path=path) == []
    assert file.stat().st_ino == before

    without = settings(tmp_path, plex=("media", "plex:1.43.0"))
    assert image_lock.write_overrides(without, path=path) == [str(file)]
    assert not file.exists()


@pytest.mark.parametrize(
    ("running", "adopted"),
    [
        (f"{SONARR}:4.0.21@{ONE}", True),
        (f"{SONARR}:4.0.20@{ONE}", True),
        (f"{SONARR}:4.0.19@{ONE}", False),
        (f"{SONARR}:4.0.21", False),
        (f"ghcr.io/x/sonarr:4.0.21@{ONE}", False),
        ("", False),
    ],
)
def test_what_runs_is_locked_where_nothing_is_and_the_catalog_allows_it(path, running, adopted):
    settings = {"services": {"sonarr": {"image": f"{SONARR}:4.0.20"}}}

    found = image_lock.adopt(settings, {"sonarr": running, "stranger": running}, path=path)

    assert found == ({"sonarr"} if adopted else set())
    locked = image_lock.read(path=path)
    assert {name: f"{one['image']}@{one['digest']}" for name, one in locked.items()} == (
        {"sonarr": running} if adopted else {}
    )


def test_what_is_locked_is_never_adopted_anew(path):
    image_lock.record("sonarr", f"{SONARR}:4.0.20", ONE, path=path)
    settings = {"services": {"sonarr": {"image": f"{SONARR}:4.0.20"}}}

    assert not image_lock.adopt(settings, {"sonarr": f"{SONARR}:4.0.21@{TWO}"}, path=path)
    assert image_lock.read(path=path)["sonarr"]["digest"] == ONE
