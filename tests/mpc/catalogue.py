"""The catalogue of deviations (spec: protocol, section 17.5) as data, and the tests that carry each of its rows.

A test belongs to a row by the decorator :func:`case`; docs/cheating.md is made from both by docs/cheating.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

#: (parties, protocol number of the cheater); 0 evaluates, 1 is the first garbler and sends the decoding bits.
Role = tuple[int, int]
Test = TypeVar("Test", bound=Callable[..., Any])

ANYBODY, EVALUATOR, GARBLERS = "any honest party", "the evaluator", "a garbler"
EXTENSION = ("COT_V",)
ZERO_TEST = ("ZT_HASH", "ZT_OPEN")
#: Where wrong rows or labels surface, depending on which garbler they belong to.
EVALUATION = ("LAM", "T")


@dataclass
class Row:
    """``phases``: where the run ends; ``by``: who finds it by itself; ``ending`` instead, if it is no abort."""

    deviation: str
    section: str
    phases: tuple[str, ...] = ()
    by: str = ANYBODY
    ending: str = ""
    tests: list[tuple[Callable[..., Any], frozenset[Role]]] = field(default_factory=list)

    def finders(self, parties: int, cheater: int) -> set[int]:
        """Protocol numbers of those who may be the ones to find it."""
        candidates = {ANYBODY: range(parties), EVALUATOR: range(1), GARBLERS: range(1, parties)}[self.by]
        return set(candidates) - {cheater}

    @property
    def roles(self) -> set[Role]:
        """All roles in which a test plays the cheater."""
        return set().union(*(roles for _, roles in self.tests))


WAITS = "nothing that depends on it is sent; the run ends at the deadline"

ROWS: dict[int, Row] = {
    1: Row("other parameters in HELLO", "4.1", ("HELLO",)),
    2: Row("another nonce to one of the parties", "4.1", ("HELLO",)),
    3: Row("base transfer with a point off the curve, or at infinity", "4.3", ("BASEOT",)),
    4: Row("corrections of a tree changed on both sides", "4.4", ("GGM",)),
    5: Row("corrections of a tree changed on one side (found with probability 1/2 per tree)", "4.4", ("GGM",)),
    6: Row("check values of the trees changed", "4.4", ("GGM",)),
    7: Row("page of coin commitments equivocated", "4.5", ("COINPAGE",)),
    8: Row("opening of a coin changed", "4.5", ("COIN_COT", "COIN_LEAKY", "COIN_ZT")),
    9: Row("coin demanded before the messages it challenges arrived", "5.1", ending=WAITS),
    10: Row("another global key towards one party", "4.6", ("COT_V", "DCHK3")),
    11: Row("bit 1 of the global key broken", "7.1", ZERO_TEST),
    12: Row("key check: openings that differ from commitments, wrong key sums", "4.6", ("DCHK1", "DCHK2", "DCHK3")),
    13: Row("key check: a false bit with its correct MAC", "4.6", ("DCHK2",)),
    14: Row("other bits towards one party", "6.2", EXTENSION),
    15: Row("other bits in half of the trees", "6.2", EXTENSION),
    16: Row("one bit changed in every tree", "6.2", EXTENSION),
    17: Row("lie about X", "6.2", EXTENSION),
    18: Row("X equivocated", "6.2", ("COT_X", *EXTENSION)),
    19: Row("wrong v", "6.2", EXTENSION),
    20: Row("challenge from a hash demanded with three parties", "4.1", ("HELLO",)),
    21: Row("leaky AND: ciphertexts changed in 64 triples (in one: probability 1/2)", "7", ZERO_TEST),
    22: Row("leaky AND: other y in 64 triples (in one: probability 1/2)", "7", ZERO_TEST),
    23: Row("leaky AND: one bit s flipped for all", "7", ZERO_TEST),
    24: Row("leaky AND: one bit s flipped for one party", "7", ("ZT_OPEN",)),
    25: Row("zero test: another V", "7.1", ZERO_TEST),
    26: Row("zero test: wrong ciphertexts", "7.1", ZERO_TEST),
    27: Row("zero test: wrong share committed", "7.1", ("ZT_OPEN",)),
    28: Row("zero test: opening differs from commitment", "7.1", ("ZT_OPEN",)),
    29: Row("zero test: commitment and opening copied from another party", "7.1", ("ZT_OPEN",)),
    30: Row("zero test: wrong hash", "7.1", ("ZT_HASH",)),
    31: Row("zero test: the received hash sent back", "7.1", ("ZT_HASH",)),
    32: Row("zero test: errors that square R; the opened sum stays uniform", "7.1", ZERO_TEST),
    33: Row("one bit s flipped in a later batch; no message determines the key", "7.1", ZERO_TEST),
    34: Row("opening of buckets: a bit, or the fold of the MACs, changed", "8.2", ("OPEN_BUCKET",)),
    35: Row("opening for product masks: a bit, or the fold of the MACs, changed", "8.2", ("OPEN_BEAVER",)),
    36: Row("opening of another batch or segment sent again", "8.2", ("OPEN_BUCKET", "OPEN_BEAVER")),
    37: Row("EXEC with another circuit", "9.1", ("EXEC",), ending="refused, no number is used up"),
    38: Row("EXEC equivocated", "9.1", ("EXEC",)),
    39: Row("EXEC with a start index that was used", "9.1", ("EXEC",)),
    40: Row("EXEC of a resumed session, beyond the pool (resuming is not offered)", "9.1", ("EXEC",)),
    41: Row("EXEC of a resumed session that needs a coin (resuming is not offered)", "14.3", ("EXEC",)),
    42: Row("garbled rows replaced", "9.4", EVALUATION),
    43: Row("decoding bits flipped", "9.4", EVALUATION),
    44: Row("cross rows replaced", "9.4", EVALUATION),
    45: Row("one row of one gate replaced (found if and only if it is used)", "9.4", EVALUATION),
    46: Row("mask shares of inputs flipped", "10.1", ("INSHARE",)),
    47: Row("masked inputs equivocated", "10.1", ("MASKED",)),
    48: Row("wrong active labels", "10.1", EVALUATION),
    49: Row("the evaluator lies about a masked value", "10.3", ("LAM",), GARBLERS),
    50: Row("the evaluator sends a wrong fold of labels", "10.3", ("LAM",), GARBLERS),
    51: Row("a garbler sends a wrong T", "10.4", ("T",), EVALUATOR),
    52: Row("different s_0 to the garblers", "10.4", ending="the evaluator's own check fails: it gains nothing"),
    53: Row("mask shares of outputs, or their digest, changed", "10.5", ("OUTPUT",)),
    54: Row("OK before the values of all segments", "5.1", ending=WAITS),
    55: Row(
        "message of an earlier execution sent again",
        "3.1",
        ("EXEC", "INSHARE", "OPEN_BEAVER", "LAM", "T", "OUTPUT"),
    ),
    56: Row(
        "truncated, longer, doubled, re-ordered message; wrong header; padding bits; in every phase",
        "3.1",
        ending="abort in the phase of the message; re-ordered ones are kept, not used early",
    ),
    57: Row("silence, in every phase", "12", ending="the deadline names phase and party"),
}


def case(*numbers: int, roles: set[Role] | None = None) -> Callable[[Test], Test]:
    """This test carries rows ``numbers``; its roles are its parameters ``parties`` and ``cheater``, or ``roles``."""

    def register(test: Test) -> Test:
        played = frozenset(roles if roles is not None else _parameters(test))
        assert played, f"{test.__name__} says in no role who cheats"
        for number in numbers:
            ROWS[number].tests.append((test, played))
        return test

    return register


def _parameters(test: Callable[..., Any]) -> Iterator[Role]:
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names = mark.args[0]
            names = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
            if names[:2] == ["parties", "cheater"]:
                for entry in mark.args[1]:
                    values = getattr(entry, "values", entry)
                    yield (values[0], values[1])
