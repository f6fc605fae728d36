"""Fixtures for all tests."""

from __future__ import annotations

import pytest

from engine import redaction

pytest_plugins = ["tests.servers"]


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers as a secret is an ordinary word for the next one."""
    monkeypatch.setattr(redaction, "_known", set())
    monkeypatch.setattr(redaction, "_pattern", None)
    monkeypatch.setattr(redaction, "_values", False)
