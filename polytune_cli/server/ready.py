"""Whether a party could take part in a run now; its databases are asked at most every few seconds."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from engine.policy import Policy

#: Seconds for which an answer is good.
FRESH = 5.0


class Readiness:
    """Asks when somebody wants to know, one at a time. Thread-safe."""

    def __init__(self, policy: Policy, state_dir: str, closed: Callable[[], bool]) -> None:
        """``closed`` says whether the party takes no more runs."""
        self._policy = policy
        self._state_dir = state_dir
        self._closed = closed
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._problems: list[str] = []

    def problems(self) -> list[str]:
        """Why the party is not ready; empty when it is. Texts are for operators and hold no secrets."""
        with self._lock:
            if time.monotonic() - self._asked >= FRESH:
                self._problems = self._ask()
                self._asked = time.monotonic()
            found = list(self._problems)
        return ["the party is shutting down", *found] if self._closed() else found

    def _ask(self) -> list[str]:
        from engine.data import unreachable

        policy = self._policy
        found = unreachable(policy.input, policy.outputs if policy.receives_output else ())
        folder = self._state_dir
        while not os.path.exists(folder):  # it is made when it is needed
            folder = os.path.dirname(os.path.abspath(folder))
        if not os.access(folder, os.W_OK | os.X_OK):
            found.append("the state directory is not writable")
        return found
