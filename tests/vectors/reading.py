"""Reading the published test vectors of the protocol (``protocol.json`` beside this file).

Hex strings are byte strings; a block is 16 bytes in wire order, least significant byte first.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("protocol.json")


@lru_cache(maxsize=1)
def _all() -> dict[str, dict[str, Any]]:
    return {vector["name"]: vector for vector in json.loads(FILE.read_text())["vectors"]}


def vector(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs of the vector ``name``."""
    found = _all()[name]
    return found["inputs"], found["outputs"]


def blocks(texts: list[str]) -> np.ndarray:
    """Hex blocks as uint64 (N, 2)."""
    return np.frombuffer(bytearray(b"".join(bytes.fromhex(t) for t in texts)), dtype="<u8").reshape(-1, 2)


def texts(array: np.ndarray) -> list[str]:
    """uint64 (N, 2) as hex blocks."""
    return [row.tobytes().hex() for row in np.ascontiguousarray(array)]
