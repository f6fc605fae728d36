"""The server's own reading and writing of sockets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polytune_cli.server.connection import Reader, Writer


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_lines_bytes_and_bodies_share_one_stream() -> None:
    with pair() as (left, right):
        reader = Reader(right)
        left.sendall(b"first\r\nsecond\nbody and more")
        left.shutdown(socket.SHUT_WR)
        assert reader.readline() == b"first\r\n" and reader.has_data()
        assert reader.readline(3) == b"sec" and reader.readline(100) == b"ond\n"
        view = memoryview(bytearray(4))
        assert reader.readinto(view) == 4 and bytes(view) == b"body"
        assert reader.read(4) == b" and" and reader.read() == b" more"
        assert reader.readline() == reader.read(5) == b"" and reader.readinto(view) == 0
        assert reader.bytes_read == len(b"first\r\nsecond\nbody and more")


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_any_reading_gives_the_bytes_in_order(pieces: list[bytes], sizes: list[int]) -> None:
    data = b"".join(pieces)
    with pair() as (left, right):
        left.sendall(data)
        left.shutdown(socket.SHUT_WR)
        reader, got = Reader(right), b""
        for number, size in enumerate(sizes):
            if number % 3 == 0:
                got += reader.read(size)
            elif number % 3 == 1:
                got += (line := reader.readline(size))
                assert b"\n" not in line[:-1] and len(line) <= size
            else:
                view = memoryview(bytearray(size))
                got += bytes(view[: reader.readinto(view)])
        assert got + reader.read() == data


def test_what_is_held_leaves_in_one_go() -> None:
    with pair() as (left, right):
        right.setblocking(False)
        writer = Writer(left)
        writer.write(b"at once")
        assert right.recv(100) == b"at once"
        writer.hold()
        writer.write(b"head")
        writer.write(b"body")
        with pytest.raises(BlockingIOError):
            right.recv(100)
        writer.flush()
        assert right.recv(100) == b"headbody" and writer.bytes_written == 15
        writer.write(b"again")
        assert right.recv(100) == b"again"
