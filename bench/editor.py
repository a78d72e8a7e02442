"""The process on a host with many endpoints that edits a rule when it is told to.

It prints ``ready`` once the endpoints are there and listens on ``SOCKET``. Every line that it reads there names a
kind of edit; it answers with how many seconds passed up to the first packet that obeyed.
"""

import socket
import sys
import time

from bench.host import start_agent
from bench.plugin import attached, network
from bench.stream import PORT, Stream, two_containers
from calico.client.profiles import Profiles
from calico.datastore.open import DEFAULT_URL, open_datastore
from calico.model.values import ProfileRules, Rule

SOCKET = "/run/bench.sock"
CLOSED = ProfileRules((), (Rule("allow"),))
OPENING = Rule("allow", protocol="udp", dst_ports=((PORT, PORT),))
_INTERVAL = 0.0002
_PATIENCE = 10.0


def main(count: int) -> None:
    """Make ``count`` endpoints with the same profile, and serve until the other side has gone."""
    start_agent()
    with network() as profile, two_containers(profile) as open_stream, attached(profile, range(2, count)):
        # One rule stands alone; for the other one the kernel must learn all members of a tag.
        rules = {"port": OPENING, "tag": Rule("allow", src_tag=profile)}
        with socket.socket(socket.AF_UNIX) as listener, open_stream(_INTERVAL) as stream:
            listener.bind(SOCKET)
            listener.listen()
            print("ready", flush=True)
            profiles = Profiles(open_datastore(DEFAULT_URL))
            with listener.accept()[0] as connection, connection.makefile("rw") as lines:
                for line in lines:
                    print(_edit(profiles, profile, rules[line.strip()], stream), file=lines, flush=True)


def _edit(profiles: Profiles, profile: str, rule: Rule, stream: Stream) -> float:
    """Close, wait until nothing comes through, open: seconds until a datagram is sent that arrives."""
    profiles.replace_rules(profile, CLOSED)
    stream.resume()
    stream.wait_quiet()
    started = time.monotonic()
    profiles.add_rule(profile, "inbound", rule)
    first = stream.receive(_PATIENCE)
    stream.pause()  # it would take processor time from the other host
    assert first is not None, "the rule does not take effect"
    return first.sent - started


if __name__ == "__main__":
    main(int(sys.argv[1]))
