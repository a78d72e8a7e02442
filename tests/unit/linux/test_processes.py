"""Whether a process belongs to a container."""

from pathlib import Path

import pytest

from calico.linux.processes import mentions

ID = "0123456789ab" * 5 + "cdef"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cgroup", f"12:pids:/docker/{ID}\n0::/docker/{ID}\n"),
        ("cgroup", f"0::/system.slice/docker-{ID}.scope\n"),
        ("mountinfo", f"9 8 0:1 /var/lib/docker/containers/{ID}/hosts /etc/hosts rw - ext4 /dev/vda rw\n"),
    ],
)
def test_an_id_is_found_where_engines_put_it(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42" / name).write_text(text)

    assert mentions(42, ID, tmp_path)
    assert not mentions(42, ID[::-1], tmp_path)
    assert not mentions(43, ID, tmp_path)


def test_text_that_is_no_text_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42" / "mountinfo").write_bytes(b"\xff/" + ID.encode())

    assert mentions(42, ID, tmp_path)
