"""Running inside another network namespace."""

import subprocess
import threading
from collections.abc import Callable

import pytest

from calico.linux.links import Links
from calico.linux.namespaces import Namespace
from calico.model.errors import ApplyError
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel


def is_here(namespace: Namespace) -> bool:
    """Whether the calling thread is in this namespace."""
    with Namespace.current() as current:
        return current == namespace


def test_block_runs_inside_and_the_thread_comes_back(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    other = make_netns()
    other.run("ip", "link", "add", "br0", "type", "bridge")

    with Namespace.current() as home, Namespace(other.path) as namespace:
        with namespace.entered(), Links() as links:
            assert is_here(namespace)
            assert links.get("br0").kind == "bridge"
        assert is_here(home)


def test_thread_comes_back_after_an_error(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    with Namespace.current() as home:
        with pytest.raises(ZeroDivisionError), make_netns().namespace.entered():
            _ = 1 / 0

        assert is_here(home)


def test_other_threads_stay_where_they_are(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    home, other = Namespace.current(), make_netns().namespace
    inside, seen = threading.Event(), threading.Event()
    where: list[bool] = []

    def look() -> None:
        inside.wait(10)
        where.append(is_here(home))
        seen.set()

    with home:
        thread = threading.Thread(target=look)
        thread.start()
        with other.entered():
            inside.set()
            assert seen.wait(10)
        thread.join()

    assert where == [True]


def test_a_new_namespace_has_nothing_in_it_and_leaves_nothing_behind(netns: Netns) -> None:
    with Namespace.current() as home:
        with Namespace.new() as made:
            assert is_here(home)
            with made.entered(), Links() as links:
                assert [(link.name, link.up) for link in links.list()] == [("lo", False)]
        with Namespace.new() as another, another.entered():
            assert not is_here(home)
        assert is_here(home)


def test_namespace_of_a_process(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    other = make_netns()
    with other.entered():
        process = subprocess.Popen(["sleep", "60"])

    with Namespace.of_process(process.pid) as namespace:
        assert namespace == other.namespace

    process.kill()
    process.wait()


def test_file_that_is_no_namespace_cannot_be_entered(netns: Netns) -> None:
    refusal = "cannot enter the network namespace /dev/null: invalid argument"

    with (
        Namespace("/dev/null") as namespace,
        pytest.raises(ApplyError, match=refusal),
        namespace.entered(),
    ):
        pytest.fail("entered nothing")
