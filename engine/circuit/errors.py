"""The error of circuits and circuit files."""

from __future__ import annotations

from engine.errors import PolytuneError


class CircuitError(PolytuneError):
    """A circuit or a circuit file is not usable (exit 3); ``line`` is that of the file, from 1, or 0."""

    code = "circuit"
    exit_code = 3

    def __init__(self, message: str, hint: str = "", *, line: int = 0) -> None:
        super().__init__(message, hint)
        self.line = line
