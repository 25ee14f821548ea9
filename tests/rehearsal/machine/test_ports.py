"""The ports of a rehearsal's daemons: nobody else takes one between its choice and the daemon's start."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rehearsal import settings
from rehearsal.settings import LOOPBACK, free_port, free_ports

SYSTEMS_OWN = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_no_port_is_given_twice_whatever_thread_asks() -> None:
    """A ResourceManager takes five, and its NodeManagers one each, side by side."""
    with ThreadPoolExecutor(8) as pool:
        found = [port for ports in pool.map(free_ports, [5] * 40) for port in ports]
    assert len(set(found)) == len(found) == 200


def test_a_port_that_something_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is given."""
    taken, free = free_ports(2)
    monkeypatch.setattr(settings, "_OWN_PORTS", iter([taken, free]))
    with socket.socket() as listening:
        listening.bind((LOOPBACK, taken))
        listening.listen()
        assert free_port() == free


@pytest.mark.skipif(
    not SYSTEMS_OWN.exists(), reason="only Linux names the ports of its connections in a file"
)
def test_the_system_gives_none_of_them_to_a_connection() -> None:
    """A connection that opens while a Java starts cannot take the Java's port."""
    assert max(free_ports(50)) < int(SYSTEMS_OWN.read_text().split()[0])
