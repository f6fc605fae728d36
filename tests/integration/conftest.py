"""Fixtures of the tests with real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scene import SUM, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Makes a scene; every process of it is ended after the test."""
    made: list[Scene] = []

    def make(columns: Sequence[Sequence[Any]] = ((1, 2, 3), (10, 20)), program: str = SUM) -> Scene:
        made.append(Scene(tmp_path, columns, program))
        return made[-1]

    yield make
    for one in made:
        one.stop()
