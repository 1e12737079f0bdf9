"""mediastack.secret_filters: each spelling against vectors that others computed."""

import base64
import hashlib
import time

import pytest

from mediastack import secret_filters


def test_crypt_gives_the_published_bcrypt_vectors():
    # From the test vectors of crypt_blowfish (Openwall) and of Go's x/crypto/bcrypt.
    assert (
        secret_filters.crypt("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.")
        == "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    )
    assert (
        secret_filters.crypt("allmine", "$2a$10$XajjQvNhvvRt5GSeFk1xFe")
        == "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"
    )


def test_bcrypt_is_a_hash_that_verifies_the_secret_and_no_other():
    salt = secret_filters.salt(b"key", "pässword", "ntfy/admin bcrypt")

    found = secret_filters.apply("bcrypt", "pässword", salt)

    assert found.startswith("$2b$10$") and len(found) == 60
    assert secret_filters.crypt("pässword", found) == found
    assert secret_filters.crypt("password", found) != found


def test_pbkdf2_is_what_qbittorrent_computes():
    salt = secret_filters.salt(b"key", "secret", "qbittorrent/web_password pbkdf2")

    encoded_salt, encoded_key = secret_filters.apply("pbkdf2", "secret", salt).split(":")

    assert base64.b64decode(encoded_salt) == salt and len(salt) == 16
    assert base64.b64decode(encoded_key) == hashlib.pbkdf2_hmac(
        "sha512", b"secret", salt, 100_000, 64
    )


@pytest.mark.parametrize(
    ("name", "secret", "spelled"),
    [
        ("", "a<b", "a<b"),
        ("md5", "abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("urlquote", "a/b c&ü", "a%2Fb%20c%26%C3%BC"),
        ("xml", '<a b="c">&\'', "&lt;a b=&quot;c&quot;&gt;&amp;&apos;"),
        ("json", 'a"b\\c\n', 'a\\"b\\\\c\\n'),
    ],
)
def test_plain_spellings(name, secret, spelled):
    assert secret_filters.apply(name, secret) == spelled


def test_salt_is_stable_and_depends_on_key_secret_and_place():
    salts = {
        secret_filters.salt(key, secret, place)
        for key in (b"k1", b"k2")
        for secret in ("s1", "s2")
        for place in ("p1", "p2")
    }
    assert len(salts) == 8
    assert secret_filters.salt(b"k1", "s1", "p1") in salts


def test_unknown_filter_names_those_that_exist():
    with pytest.raises(secret_filters.FilterError, match="rot13.*pbkdf2, bcrypt, md5"):
        secret_filters.apply("rot13", "x")


@pytest.mark.parametrize("secret", ["topsecret" * 9, "topsecret\0"])
def test_secret_that_bcrypt_would_cut_is_refused_without_being_quoted(secret):
    with pytest.raises(secret_filters.FilterError) as caught:
        secret_filters.apply("bcrypt", secret, b"0" * 16)
    assert "topsecret" not in str(caught.value)


def test_host_without_libcrypt_is_told_the_package(monkeypatch):
    monkeypatch.setattr(secret_filters, "LIBRARIES", ("libnothing.so.9",))

    with pytest.raises(secret_filters.FilterError, match="install the package libcrypt1"):
        secret_filters.crypt("x", "$2b$10$" + "." * 22)


def test_salted_spelling_of_a_known_secret_costs_nothing_the_second_time():
    salt = b"1" * 16
    secret_filters.apply("bcrypt", "once", salt)

    started = time.perf_counter()
    secret_filters.apply("bcrypt", "once", salt)
    assert time.perf_counter() - started < 0.01
