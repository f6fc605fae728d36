"""Run a program under a pseudo-terminal and look at what a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

import pyte

#: What a live table writes before it paints itself again.
REPAINT = b"\r\x1b[2K"


class Terminal:
    """A process on a pseudo-terminal of ``columns`` x ``lines``; ``screen`` is what it shows now."""

    def __init__(self, command: Sequence[str], columns: int = 110, lines: int = 40, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI", "COLUMNS")}
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._rest = b""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**clean, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
            start_new_session=True,
        )
        os.close(slave)

    def _feed(self, piece: bytes, seen: Callable[[pyte.Screen], None]) -> None:
        """Look at the screen before each repainting: one read may bring several frames, or a part of one."""
        data = self._rest + piece
        # The beginning of a repainting may be cut by the end of the piece.
        keep = max((n for n in range(1, len(REPAINT)) if data.endswith(REPAINT[:n])), default=0)
        self._rest = data[len(data) - keep :]
        first, *frames = data[: len(data) - keep].split(REPAINT)
        self._stream.feed(first)
        for frame in frames:
            seen(self.screen)
            self._stream.feed(REPAINT + frame)

    def read_to_end(self, seen: Callable[[pyte.Screen], None], seconds: float) -> int:
        """Feed the screen until the process ends, calling ``seen`` after every piece; returns the exit
        code."""
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                ready, _, _ = select.select([self._master], [], [], 0.2)
                if ready:
                    try:
                        piece = os.read(self._master, 2048)
                    except OSError:  # Linux reports the closed other side this way
                        break
                    if not piece:
                        break
                    self._feed(piece, seen)
                elif self.process.poll() is not None:
                    break
            self._stream.feed(self._rest)
            seen(self.screen)
            return self.process.wait(max(deadline - time.monotonic(), 1))
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            os.close(self._master)


def lines_of(screen: pyte.Screen) -> list[str]:
    """The non-empty lines of the screen."""
    return [line.rstrip() for line in screen.display if line.strip()]
