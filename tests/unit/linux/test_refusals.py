"""The kernel's error numbers as the project's errors, in one line."""

import errno

import pytest

from calico.linux.refusals import kernel_error, os_error
from calico.model.errors import AlreadyExistsError, ApplyError, NotFoundError, UnavailableError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENODEV, NotFoundError),
        (errno.ESRCH, NotFoundError),
        (errno.ENOENT, NotFoundError),
        (errno.EADDRNOTAVAIL, NotFoundError),
        (errno.EEXIST, AlreadyExistsError),
        (errno.ETIMEDOUT, UnavailableError),
        (errno.EBUSY, UnavailableError),
        (errno.ENOBUFS, UnavailableError),
        (errno.EINVAL, ApplyError),
        (errno.EPERM, ApplyError),
        (4095, ApplyError),
    ],
)
def test_each_number_has_one_meaning(number: int, kind: type[Exception]) -> None:
    assert type(kernel_error("do it", number)) is kind


def test_text_says_what_was_tried_and_why_it_failed() -> None:
    error = kernel_error("change interface eth0", errno.EINVAL, "mtu less\nthan device minimum ")

    assert str(error) == "cannot change interface eth0: invalid argument: mtu less than device minimum"


def test_text_says_what_to_do_about_missing_rights() -> None:
    assert str(kernel_error("do it", errno.EPERM)).endswith("run as root (CAP_NET_ADMIN)")


def test_os_errors_are_translated_alike() -> None:
    assert type(os_error("read it", FileNotFoundError(errno.ENOENT, "x"))) is NotFoundError
    assert str(os_error("read it", OSError("timed out"))) == "cannot read it: timed out"
