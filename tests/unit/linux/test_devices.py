"""Names of interfaces, as the kernel takes them."""

import pytest

from calico.linux.devices import validate_device
from calico.model.errors import ValidationError


@pytest.mark.parametrize("name", ["lo", "cali0123456789a", "eth0.5", "a-b_c", "é"])
def test_names_of_interfaces_pass(name: str) -> None:
    assert validate_device(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a b", "a/b", "a:b", "a\0", "a\n", "\x7f", "x" * 16, "é" * 8, "\ud800", "a\u00a0b"]
)
def test_other_text_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_device(name)

    assert "\n" not in str(caught.value)
