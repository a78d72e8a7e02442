"""A tour of the system on this machine's Docker engine, narrated; every step checks what it shows.

    demo.py up      start calico-node, make two networks and four containers, and walk through the tour
    demo.py down    remove all that `up` made

Exit code 0 only when everything that the tour shows really happened.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

BIN = Path(__file__).resolve().parent.parent / ".venv" / "bin"
IMAGE = "busybox"
NETWORKS = ("testnet1", "testnet2")
CONTAINERS = {"alice": "testnet1", "bob": "testnet1", "carol": "testnet2", "dave": "testnet2"}
WEB_SERVER = "echo hello from $(hostname) > /tmp/index.html; httpd -p 80 -h /tmp; exec httpd -f -p 8080 -h /tmp"
COMMAND_SECONDS = 120
LABEL = "calico.demo=yes"
DATASTORE = Path("/var/lib/calico")
LOGS = Path("/var/log/calico")
MADE = Path("/run/calico/made-by-demo")
"""Exists when the demo made the datastore, so that taking it down never deletes somebody's policy."""


class DemoError(Exception):
    """The tour cannot go on; the text says why."""


def main() -> int:
    """Run one of the two commands."""
    steps = {"up": up, "down": down}
    if len(sys.argv) != 2 or sys.argv[1] not in steps:
        print("usage: demo.py up|down", file=sys.stderr)
        return 1
    os.environ["PATH"] = f"{BIN}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        steps[sys.argv[1]]()
    except DemoError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; `make demo-down` removes what was made", file=sys.stderr)
        return 1
    return 0


# What the tour is made of


def say(text: str) -> None:
    """A paragraph of narration."""
    print(f"\n\033[1m# {text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)


def run(*words: str, accept: tuple[int, ...] = (0,), quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would, and show it with its output."""
    if not quiet:
        print(f"$ {shlex.join(words)}", flush=True)
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=False
        )
    except FileNotFoundError:
        raise DemoError(f"{words[0]} is not installed: run `make demo`, which sets the machine up") from None
    except subprocess.TimeoutExpired:
        raise DemoError(f"`{shlex.join(words)}` did not end within {COMMAND_SECONDS} seconds") from None
    if not quiet:
        print(done.stdout + done.stderr, end="", flush=True)
    if done.returncode not in accept:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise DemoError(f"`{shlex.join(words)}` failed: {reason[-1] if reason else done.returncode}")
    return done


def reaches(container: str, target: str, how: str, expected: bool) -> None:
    """Try to get through from a container; show what happened, and fail when it is not what policy says."""
    commands = {
        "ping": ["ping", "-c", "1", "-W", "2", target],
        "80": ["timeout", "2", "wget", "-q", "-O", "-", f"http://{target}/"],
        "8080": ["timeout", "2", "wget", "-q", "-O", "-", f"http://{target}:8080/"],
    }
    done = run("docker", "exec", container, *commands[how], accept=tuple(range(256)), quiet=True)
    passed = done.returncode == 0
    what = "ping" if how == "ping" else f"tcp port {how}"
    print(f"  {container} -> {target}, {what}: {'passes' if passed else 'is dropped'}", flush=True)
    if passed != expected:
        raise DemoError(f"{container} -> {target}, {what}: expected it to {'pass' if expected else 'be dropped'}")


def inspect(kind: str, name: str, template: str) -> str:
    """One field of a Docker object."""
    return run("docker", kind, "inspect", "--format", template, name, quiet=True).stdout.strip()


def expect(what: str, shown: str, expected: str) -> None:
    """Fail unless what was shown is exactly what it should be."""
    if shown != expected:
        raise DemoError(f"{what} is not as documented; expected:\n{expected}\nbut it was:\n{shown}")


# The tour


def up() -> None:
    """Set the scene and walk through it."""
    down(quiet=True)
    start()
    address = {name: inspect_address(name) for name in CONTAINERS}
    networks = {name: inspect("network", name, "{{.Id}}") for name in NETWORKS}
    look_around(networks["testnet1"], inspect_endpoint("bob"))
    default_policy(address)
    advanced_policy(networks, address)
    print(
        "\nThe system stays up for you to play with, for example:\n"
        f"  {BIN}/calicoctl profile {networks['testnet1']} rule show\n"
        "  docker exec -ti alice sh\n"
        f"  {BIN}/calicoctl status\n"
        "Take it down with: make demo-down"
    )


def start() -> None:
    """The agent, two networks, two containers on each."""
    if not any(DATASTORE.glob("*")):
        MADE.parent.mkdir(parents=True, exist_ok=True)
        MADE.touch()
    say("Start calico-node on this host. It serves Docker's plugin socket and programs the kernel.")
    run("calicoctl", "node")
    run("calicoctl", "status")
    say("Two networks. Each becomes a profile: members reach each other, and nobody else reaches them.")
    for network in NETWORKS:
        run("docker", "network", "create", "--driver", "calico", "--ipam-driver", "calico", "--label", LABEL, network)
    say("Two containers on each, serving port 80 and port 8080.")
    for container, network in CONTAINERS.items():
        run(
            *("docker", "run", "--detach", "--name", container, "--hostname", container, "--label", LABEL),
            *("--network", network, IMAGE, "sh", "-c", WEB_SERVER),
        )
    for container in CONTAINERS:
        wait_until(f"{container} serves", lambda name=container: serves(name))  # type: ignore[misc]


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for the container's own start, which is not ours to speed up."""
    due = time.monotonic() + 20
    while not holds():
        if time.monotonic() > due:
            raise DemoError(f"{what}: not within 20 seconds")
        time.sleep(0.1)


def serves(container: str) -> bool:
    """Whether a container's web server answers on its own loopback interface."""
    words = ("docker", "exec", container, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
    return run(*words, accept=tuple(range(256)), quiet=True).returncode == 0


def look_around(network: str, endpoint: str) -> None:
    """The Ids that Docker and calico share, and what the profile says."""
    say("The network's Id is the profile's name, and Docker's EndpointID is the endpoint's.")
    shown = json.loads(run("docker", "network", "inspect", "testnet1").stdout)[0]
    expect("the driver", f"{shown['Driver']} {shown['IPAM']['Driver']}", "calico calico")
    macs = {container["MacAddress"] for container in shown["Containers"].values()}
    expect("the MAC address", " ".join(sorted(macs)), "ee:ee:ee:ee:ee:ee")
    say("Which profiles does bob's endpoint have, in order?")
    rule = "-" * (len(network) + 2)
    heading = "Name".center(len(network) + 2)
    table = f"+{rule}+\n|{heading}|\n+{rule}+\n| {network} |\n+{rule}+\n\n"
    expect("the profile table", run("calicoctl", "endpoint", endpoint, "profile", "show").stdout, table)
    say("And what does that profile say?")
    rules = f"Inbound rules:\n   1 allow from tag {network}\nOutbound rules:\n   1 allow\n"
    expect("the rules", run("calicoctl", "profile", network, "rule", "show").stdout, rules)


def default_policy(address: dict[str, str]) -> None:
    """Members reach each other; other networks do not reach them."""
    say("Members of a network reach each other, by name and by address.")
    for target in ("bob", address["bob"]):
        for how in ("ping", "80", "8080"):
            reaches("alice", target, how, expected=True)
    reaches("carol", "dave", "80", expected=True)
    say("The other network does not.")
    for how in ("ping", "80", "8080"):
        reaches("carol", address["bob"], how, expected=False)
        reaches("bob", address["carol"], how, expected=False)


def advanced_policy(networks: dict[str, str], address: dict[str, str]) -> None:
    """Change the profile of a running network, rule by rule."""
    first, second = networks["testnet1"], networks["testnet2"]
    profile = ("calicoctl", "profile", first, "rule")
    say("Now policy of our own for testnet1. First take the default rule away: nobody gets in any more.")
    run(*profile, "remove", "inbound", "allow", "from", "tag", first)
    reaches("alice", address["bob"], "80", expected=False)
    reaches("alice", address["bob"], "ping", expected=False)
    say("Offer the web ports and ping to everybody.")
    run(*profile, "add", "inbound", "allow", "tcp", "to", "ports", "80,443")
    run(*profile, "add", "inbound", "allow", "icmp", "type", "8")
    expect(
        "the rules",
        run(*profile, "show").stdout,
        "Inbound rules:\n   1 allow tcp to ports 80,443\n   2 allow icmp type 8\nOutbound rules:\n   1 allow\n",
    )
    say("Port 80 and ping are open to both networks; port 8080, open to all members before, is shut.")
    for container in ("alice", "carol"):
        reaches(container, address["bob"], "80", expected=True)
        reaches(container, address["bob"], "ping", expected=True)
        reaches(container, address["bob"], "8080", expected=False)
    say("Open port 8080 again, by tag: to the members of testnet2, whoever they are and will be.")
    run(*profile, "add", "inbound", "allow", "tcp", "from", "tag", second, "to", "ports", "8080")
    reaches("carol", address["bob"], "8080", expected=True)
    reaches("alice", address["bob"], "8080", expected=False)


def inspect_address(container: str) -> str:
    """The container's address on its network."""
    return inspect("container", container, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")


def inspect_endpoint(container: str) -> str:
    """The container's EndpointID."""
    return inspect("container", container, "{{range .NetworkSettings.Networks}}{{.EndpointID}}{{end}}")


# Taking it down


def down(quiet: bool = False) -> None:
    """Remove what `up` made: containers, networks, the agent, and its state in kernel and datastore."""
    anything = (0, 1)
    made = run("docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}", quiet=True).stdout.split()
    if made:
        run("docker", "rm", "--force", *made, quiet=True)
    for network in run("docker", "network", "ls", "--quiet", "--filter", f"label={LABEL}", quiet=True).stdout.split():
        run("docker", "network", "rm", network, quiet=True)
    if quiet:
        return
    run("calicoctl", "node", "stop", "--force", accept=anything, quiet=True)
    run("calico-node", "--clean", quiet=True)
    if MADE.exists():
        for folder in (DATASTORE, LOGS, MADE.parent):
            shutil.rmtree(folder, ignore_errors=True)
    print("demo: containers, networks, calico-node and its rules are gone")


if __name__ == "__main__":
    sys.exit(main())
