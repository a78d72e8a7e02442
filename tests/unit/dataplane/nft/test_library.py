"""The library's errors that need no kernel."""

import pytest

from calico.dataplane.nft.library import NftLibrary
from calico.model.errors import UnavailableError


def test_a_missing_library_names_the_package() -> None:
    with pytest.raises(UnavailableError, match="apt-get install libnftables1"):
        NftLibrary("libnftables.so.0-that-nobody-has")
