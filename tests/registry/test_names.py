"""Names are safe on every file system, or refused in one line."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import RegistryError
from registry.names import Reference, check_alias, check_file_name, check_name, parse_reference

BAD = ["", ".", "..", "a..b", "a/b", "a\\b", "/a", "a\0", "a\n", "a\x1b[0m", " a", "a ", "-a", "a-", "A", "ä", "ａ", "a@b", "a:b",
       "con", "nul.tar", "com1", "x" * 65, "ﬁ", "a*", "~", "K"]  # fmt: skip


@pytest.mark.parametrize("name", BAD, ids=repr)
def test_bad_names(name):
    with pytest.raises(RegistryError) as caught:
        check_name(name)
    assert "\n" not in str(caught.value) and repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["a", "dsprites_capacity", "celeba-64", "v1.2", "0", "console", "x" * 64])
def test_good_names(name):
    assert check_name(name) == name


def test_the_message_offers_the_lower_case_name():
    with pytest.raises(RegistryError, match="for example 'celeba'"):
        check_name("CelebA")


@given(st.text(max_size=80))
def test_an_accepted_name_is_one_plain_folder(name):
    try:
        check_name(name)
    except RegistryError:
        return
    assert name == os.path.basename(name) == os.path.normpath(name) == name.casefold() and name.isascii() and name.isprintable()


@given(st.text(max_size=120))
def test_an_accepted_file_name_stays_inside(path):
    try:
        check_file_name(path)
    except RegistryError:
        return
    assert os.path.normpath(os.path.join("/store", path)) == f"/store/{path}" and path.isascii() and path.isprintable()


@pytest.mark.parametrize("path", ["../x", "a/../b", "/x", "a//b", "a/b/c", ".hidden", "a\\b", "con.onnx", "x\n", "a/", "C:x"])
def test_bad_file_names(path):
    with pytest.raises(RegistryError):
        check_file_name(path)


@pytest.mark.parametrize("alias", ["latest", "3", "007", "Champion", "a/b", ""])
def test_bad_aliases(alias):
    with pytest.raises(RegistryError):
        check_alias(alias)


@pytest.mark.parametrize(
    ("text", "version", "meaning"),
    [
        ("a", None, Reference("a")),
        ("a", 3, Reference("a", version=3)),
        ("a@3", None, Reference("a", version=3)),
        ("a@latest", None, Reference("a")),
        ("a@champion", None, Reference("a", alias="champion")),
        ("sha256:0123abcd", None, Reference(digest="sha256:0123abcd")),
    ],
)
def test_references(text, version, meaning):
    assert parse_reference(text, version) == meaning


@pytest.mark.parametrize(
    ("text", "version"),
    [("a@b@c", None), ("a@٣", None), ("a@3", 3), ("sha256:0123abcd", 1), ("sha256:XYZ", None), (None, None), (3, None)],
)
def test_bad_references(text, version):
    with pytest.raises(RegistryError):
        parse_reference(text, version)
