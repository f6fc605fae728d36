"""Ports that are reserved for processes about to start."""

from __future__ import annotations

import socket
import sys
import urllib.request

import pytest
from flask import Flask

from polytune_cli.demo.ports import ReservedPorts
from polytune_cli.server.listener import Listener


def test_reserved_ports_are_distinct_and_can_be_served() -> None:
    with ReservedPorts(3) as ports:
        assert len(set(ports.numbers)) == 3
        app = Flask("test")
        app.add_url_rule("/ping", view_func=lambda: "pong")
        listener = Listener("127.0.0.1", ports.numbers[1], app)
        listener.bind()
        listener.start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports.numbers[1]}/ping", timeout=5) as reply:
                assert reply.read() == b"pong"
        finally:
            listener.stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems cannot hold a port for others")
def test_nobody_else_gets_a_reserved_port() -> None:
    with ReservedPorts(1) as ports, socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", ports.numbers[0]))


def test_released_ports_are_free() -> None:
    with ReservedPorts(1) as ports:
        number = ports.numbers[0]
    with socket.socket() as other:
        other.bind(("127.0.0.1", number))
