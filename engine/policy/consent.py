"""The key ``consent``: what a contributor allows beyond the terms that all parties agree on (spec: service, 6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.policy.checker import Checker, type_name

KEYS = ("leaders", "max_runs", "per", "min_rows", "ask")
#: Length of a period in seconds; None: for ever.
PERIODS: Mapping[str, int | None] = {"hour": 3600, "day": 86400, "total": None}
#: So many runs are remembered, so no more can be counted.
MOST_RUNS = 10_000


@dataclass(frozen=True)
class Consent:
    """``leaders``: who may start runs (None: the leader of the policy). At most ``max_runs`` runs in a ``per``.

    ``min_rows``: fewer own rows are kept out of any run. ``ask``: somebody must approve each run.
    """

    leaders: tuple[int, ...] | None = None
    max_runs: int | None = None
    per: str = "day"
    min_rows: int = 0
    ask: bool = False

    @property
    def seconds(self) -> int | None:
        """Length of the period; None: for ever."""
        return PERIODS[self.per]

    @property
    def allowance(self) -> str:
        """``3 runs per day``, ``1 run in total``."""
        runs = f"{self.max_runs} run{'' if self.max_runs == 1 else 's'}"
        return f"{runs} in total" if self.per == "total" else f"{runs} per {self.per}"

    def __str__(self) -> str:
        """What is limited, for people; empty when nothing is."""
        limits = [
            "" if self.leaders is None else "led by party " + " or ".join(map(str, self.leaders)),
            "" if self.max_runs is None else f"at most {self.allowance}",
            f"with at least {self.min_rows} own rows" if self.min_rows else "",
            "each approved by somebody" if self.ask else "",
        ]
        return ", ".join(filter(None, limits))


def read_consent(check: Checker, root: Mapping[str, Any], parties: int, leader: int | None) -> Consent:
    """Read the key; mistakes and what is odd go to ``check``."""
    value = check.table(root, "", "consent", {}) or {}
    check.unknown("/consent", value, KEYS)
    leaders = _leaders(check, value, parties)
    if leaders is not None and leader is not None and leader not in leaders:
        check.warnings.append(f"consent.leaders does not name party {leader}, which leads: every run will be refused")
    if value.get("per") is not None and value.get("max_runs") is None:
        check.problem("/consent/per", "needs 'max_runs' beside it")
    return Consent(
        leaders=leaders,
        max_runs=_count(check, value, "max_runs", MOST_RUNS),
        per=check.choice(value, "/consent", "per", "day", PERIODS),
        min_rows=_count(check, value, "min_rows", 2**31 - 1) or 0,
        ask=check.boolean(value, "/consent", "ask", False),
    )


def _count(check: Checker, value: Mapping[str, Any], key: str, most: int) -> int | None:
    if value.get(key) is None:
        return None
    return check.bounded(value, "/consent", key, 1, 1, most)


def _leaders(check: Checker, value: Mapping[str, Any], parties: int) -> tuple[int, ...] | None:
    raw = check.array(value, "/consent", "leaders", None)
    if raw is None:
        return None
    if not raw:
        check.problem("/consent/leaders", "at least one party must be allowed to lead")
    found: list[int] = []
    for number, party in enumerate(raw):
        place, label = f"/consent/leaders/{number}", f"consent.leaders[{number}]"
        if isinstance(party, bool) or not isinstance(party, int):
            check.problem(place, f"expected integer, got {type_name(party)}")
        elif parties and not 0 <= party < parties:
            names = f"there are {parties} participants: 0..{parties - 1}"
            check.sentence(place, f"{label}: {party} is not a party ({names})")
        elif party in found:
            check.problem(place, f"party {party} appears twice")
        else:
            found.append(party)
    return tuple(found)
