"""Fixtures of the tests with faults."""

from tests.integration.conftest import scene

__all__ = ["scene"]
