"""Write docs/cheating.md: the catalogue of deviations, as the tests in tests/mpc have it.

With --check only compare (exit code 1: differs).
"""

from __future__ import annotations

import importlib
import sys

from generated import ROOT, write_or_check

PAGE = ROOT / "docs" / "cheating.md"
MODULES = ("cheating_setup", "cheating_batch", "cheating_execution", "cheating_frames", "rates", "ordering")

START = """# What a cheating party may try, and what becomes of it

Made from the tests by `python docs/cheating.py`; do not edit by hand.

Every row is a deviation that the tests in `tests/mpc` play against honest parties, with two and with three parties, the
cheater in every role in which it makes a difference: the evaluator (E), the garbler of two (G), the first garbler of
three (G1), which also sends the decoding bits, and the second one (G2). The cheater skips its own checks, so that it is
an honest party that has to find the deviation. Each test asserts that

- an honest party ends the run by a check of its own, in the phase that the row names, and tells all others;
- no honest party has an output, and none has sent a message that depends on what failed its check or never came;
- the session is dead: every later call raises the same error, keys and labels are overwritten, no thread is left.

"Found by" says who can be the one whose check fails; the others may learn it from the message that ends the run.

"""
END = """
## Guesses

A cheater may bet on secret bits; a lost bet ends the run, and the session with its keys. `tests/mpc/test_rates.py`
repeats the single steps some hundred times (some thousand in the long suite) and compares with what the analysis says,
to within 4 standard deviations:

| Bet | Survives with probability |
| --- | --- |
| corrections of one side of b trees changed, rightly guessed which side is not used | 2^-b |
| corrections of some trees changed, b bits of the global key guessed there | 2^-b |
| ciphertexts of t leaky AND gates changed, one bit x leaks from each | 2^-t |
| other y in t leaky AND gates | 2^-t |
| one row of one garbled gate changed | 1/2: found if and only if the row is used |

The bits x that leak in this way are never used: buckets of several gates hide them, and the size of a bucket makes it
unlikely (2^-40 by default) that all gates of one bucket leaked. `tests/mpc/test_parameters.py` recomputes these sizes.

## Order, chance, noise

- `tests/mpc/ordering.py` holds the table of what must have been received and verified before a message may leave. All
  honest runs and all rows above are compared with it; `test_ordering.py` shows that it sees messages that leave early.
- `tests/mpc/test_statistics.py` compares everything that should look random with the uniform distribution.
- `tests/mpc/test_fuzzing.py` flips one random bit of one random message: the run aborts, is refused, or is right.
"""


def page() -> str:
    """The whole page."""
    from tests.mpc.catalogue import ROWS, Row

    for name in MODULES:
        importlib.import_module(f"tests.mpc.test_{name}")

    def roles(row: Row, parties: int) -> str:
        names = {2: ("E", "G"), 3: ("E", "G1", "G2")}[parties]
        return ", ".join(name for p, name in enumerate(names) if (parties, p) in row.roles) or "-"

    def ending(row: Row) -> str:
        phases = ", ".join(row.phases)
        return f"{row.ending} ({phases})" if row.ending and phases else row.ending or f"abort in {phases}"

    def files(row: Row) -> str:
        names = {test.__module__.rsplit(".", 1)[1].removeprefix("test_") for test, _ in row.tests}
        return ", ".join(sorted(names))

    head = ("No", "Deviation", "Section", "End", "Found by", "n = 2", "n = 3", "Tests")
    lines = [f"| {' | '.join(head)} |", "| " + " | ".join("---" for _ in head) + " |"]
    for number, row in sorted(ROWS.items()):
        who = row.by if row.phases else "-"
        cells = (number, row.deviation, row.section, ending(row), who, roles(row, 2), roles(row, 3), files(row))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return START + "\n".join(lines) + "\n" + END


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
