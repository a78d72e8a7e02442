"""Names and MAC addresses: the hand-written checks accept what these expressions match."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.model.errors import ValidationError
from calico.model.names import canonical_mac, is_name, validate_name, validate_node_name

NAME = re.compile(r"[A-Za-z0-9_.\-]+\Z")
MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}\Z")

NEAR_NAMES = st.text(alphabet="aZ09_.- /\n\0é٣²ª:", max_size=6)
NEAR_MACS = st.lists(st.sampled_from(["0a", "FF", "9", "+1", "٣٣", " 1", "0_", "gg", ""]), min_size=5, max_size=7)


@given(NEAR_NAMES)
def test_a_name_is_letters_digits_and_three_signs_of_ascii(text: str) -> None:
    assert is_name(text) == (NAME.match(text) is not None)


@pytest.mark.parametrize(("length", "accepted"), [(0, False), (1, True), (128, True), (129, False)])
@pytest.mark.parametrize("character", ["a", "-"])
def test_a_name_has_a_length(character: str, length: int, *, accepted: bool) -> None:
    assert is_name(character * length) == accepted


@pytest.mark.parametrize(("length", "accepted"), [(0, False), (1, True), (255, True), (256, False)])
def test_a_node_name_may_be_longer(length: int, *, accepted: bool) -> None:
    if accepted:
        assert validate_node_name("n" * length) == "n" * length
    else:
        with pytest.raises(ValidationError, match="node name"):
            validate_node_name("n" * length)


@pytest.mark.parametrize("value", [None, 1, b"a", ["a"]])
def test_what_is_no_text_is_no_name(value: object) -> None:
    assert not is_name(value)
    with pytest.raises(ValidationError, match="is not a valid name"):
        validate_name(value, "profile")
    with pytest.raises(ValidationError, match="node name"):
        validate_node_name(value)
    with pytest.raises(ValidationError, match="is not a MAC address"):
        canonical_mac(value)


@given(NEAR_MACS, st.lists(st.sampled_from(":-"), min_size=6, max_size=6) | st.sampled_from([":" * 6, "-" * 6]))
def test_a_mac_address_is_six_octets_joined_alike(octets: list[str], signs: str | list[str]) -> None:
    text = octets[0] + "".join(sign + octet for sign, octet in zip(signs, octets[1:], strict=False))

    if MAC.match(text):
        assert canonical_mac(text) == text.replace("-", ":").lower()
    else:
        with pytest.raises(ValidationError):
            canonical_mac(text)


@pytest.mark.parametrize("text", ["02:42:AC:11:00:02", "02-42-ac-11-00-02"])
def test_a_mac_address_has_one_spelling(text: str) -> None:
    assert canonical_mac(text) == "02:42:ac:11:00:02"
