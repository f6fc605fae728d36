"""The progress views: a table that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections import defaultdict

import pytest

from engine.events import PHASES, Finished, Note, Progress
from polytune_cli.live import LiveView, PlainView, human_bytes, human_seconds, view, wants_live
from tests.product.pseudo_terminal import Terminal, lines_of

PLAYER = """
import sys, time
from engine.events import PHASES, Finished, Note, Progress
from polytune_cli.live import view

pause = float(sys.argv[1])
with view(2, "Joining", ["town", "care office"]) as shown:
    shown.log("a line above")
    for number, phase in enumerate(PHASES):
        for step in range(6):
            for party in (0, 1):
                shown.sink(Progress(party, phase, step / 5, 1000 * (6 * number + step), 500))
            time.sleep(pause)
    for party in (0, 1):
        shown.sink(Finished(party, 1.5, 60_000))
print("after the view")
"""


def play(pause: str, **environment: str) -> tuple[dict[str, dict[str, set[int]]], list[str]]:
    """Run PLAYER on a terminal; returns the shares seen per party and phase, and the last screen."""
    shares: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))

    def look(screen: object) -> None:
        for line in lines_of(screen):  # type: ignore[arg-type]
            found = re.match(r"(town|care office)\s+(\w+) \d+/\d+\s.*?\s(\d+)%", line)
            if found:
                shares[found[1]][found[2]].add(int(found[3]))

    terminal = Terminal([sys.executable, "-c", PLAYER, pause], **environment)
    assert terminal.read_to_end(look, 60) == 0
    return shares, lines_of(terminal.screen)


@pytest.mark.parametrize("pause", ["0.02", "0"], ids=["steady", "all at once"])
def test_terminal_shows_every_phase_with_rising_shares(pause: str) -> None:
    shares, last = play(pause)
    for party in ("town", "care office"):
        assert list(shares[party]) == list(PHASES)
        assert min(len(seen) for seen in shares[party].values()) >= 3
    text = "\n".join(last)
    assert "a line above" in text and "after the view" in text
    assert sum("done 1.50 s" in line and "100%" in line for line in last) == 2
    assert sum("60.0 kB" in line for line in last) == 2


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}])
def test_terminal_that_wants_no_redrawing_gets_plain_lines(variable: dict[str, str]) -> None:
    shares, last = play("0", **variable)
    assert not shares
    assert "town: finished after 1.50 s, 60.0 kB sent" in last


def test_plain_view_prints_begin_and_end_of_each_phase() -> None:
    lines: list[str] = []
    with PlainView(1, "Title", write=lines.append) as shown:
        for step in range(100):
            shown.sink(Progress(3, "preprocess", step / 99, 10 * step))
        shown.sink(Progress(3, "garble", 0.5, 2000))
        shown.sink(Note(3, "warning", "look here"))
        shown.sink(Note(3, "info", "not shown"))
        shown.sink(Finished(3, 70, 2500))
    assert lines == [
        "Title",
        "party 3: preprocess 0%",
        "party 3: preprocess 100%, 990 B sent" + lines[2].removeprefix("party 3: preprocess 100%, 990 B sent"),
        "party 3: garble 50%, 2.0 kB sent" + lines[3].removeprefix("party 3: garble 50%, 2.0 kB sent"),
        "party 3: warning: look here",
        "party 3: finished after 70.0 s, 2.5 kB sent",
    ]


def test_plain_view_repeats_a_long_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("polytune_cli.live.time.monotonic", lambda: now[0])
    lines: list[str] = []
    with PlainView(2, "", write=lines.append) as shown:
        for second in range(26):
            now[0] = 100.0 + second
            shown.sink(Progress(0, "preprocess", second / 100, 1_000_000 * second))
    assert [line.split(",")[0] for line in lines] == [f"party 0: preprocess {share}%" for share in (0, 10, 20)]
    assert lines[2].endswith(", 20.0 MB sent, 1.0 MB/s")


def test_plain_view_tells_a_failure() -> None:
    lines: list[str] = []
    with PlainView(2, "", ["a", "b"], write=lines.append) as shown:
        shown.sink(Finished(1, 2.0, 0, "lost party 0"))
    assert lines == ["b: failed: lost party 0"]


def test_steps_that_overlap_are_shown_one_after_the_other() -> None:
    lines: list[str] = []
    with PlainView(1, "", write=lines.append) as shown:
        shown.sink(Progress(0, "preprocess", 0.5))
        shown.sink(Progress(0, "garble", 0.25))  # the first segment, while the second is prepared
        shown.sink(Progress(0, "preprocess", 0.95))
        shown.sink(Progress(0, "evaluate", 0.5))
        shown.sink(Progress(0, "garble", 0.125))
        shown.sink(Progress(0, "evaluate", 1.0))
    assert lines == [f"party 0: {text}" for text in ("preprocess 50%", "garble 25%", "garble 100%", "evaluate 100%")]


def test_the_next_run_starts_again() -> None:
    lines: list[str] = []
    with PlainView(1, "", write=lines.append) as shown:
        for _ in range(2):
            shown.sink(Progress(0, "join", 0.0))
            shown.sink(Progress(0, "garble", 0.5, 70))
            shown.sink(Finished(0, 1.0, 75))
    first = ["party 0: join 0%", "party 0: finished after 1.00 s, 75 B sent"]
    assert lines == first * 2


def test_a_live_view_tells_a_failure() -> None:
    out = io.StringIO()
    with LiveView(2, "T", stream=out) as shown:
        shown.sink(Progress(1, "garble", 0.5))
        shown.sink(Finished(1, 2.0, 0, "lost party 0"))
        shown.sink(Note(1, "error", "lost party 0"))
    assert "failed" in out.getvalue() and "party 1: error: lost party 0" in out.getvalue()


def test_sinks_take_events_from_many_threads() -> None:
    out = io.StringIO()
    with LiveView(4, "Busy", stream=out) as shown:
        threads = [
            threading.Thread(target=lambda p=p: [shown.sink(Progress(p, "garble", n / 500, n)) for n in range(501)])
            for p in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    last = out.getvalue()[-600:]
    assert last.count("100%") >= 4


def test_view_without_a_terminal_is_plain() -> None:
    out = io.StringIO()
    assert not wants_live(out)
    with view(1, "T", stream=out) as shown:
        assert isinstance(shown, PlainView)
        shown.log("hello")
    assert out.getvalue() == "T\nhello\n"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (2e13, "20.0 TB"),
    ],
)
def test_bytes_for_people(count: float, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.416, "0.42 s"), (12.34, "12.3 s"), (187, "3 min 07 s")])
def test_seconds_for_people(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text
