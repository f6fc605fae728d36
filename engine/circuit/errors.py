"""The error of circuits and circuit files."""

from __future__ import annotations

from engine.errors import PolytuneError


class CircuitError(PolytuneError):
    """A circuit or a circuit file is not usable (exit 3)."""

    code = "circuit"
    exit_code = 3
