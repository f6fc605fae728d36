"""`polytune bench --profile`: the file for viewers and the table."""

from __future__ import annotations

import json

import pytest

from engine.trace import Span, Trace
from polytune_cli.bench.profile import Summary
from polytune_cli.main import run

CASE = ["bench", "and", "--ands", "500", "--json"]


@pytest.mark.parametrize("more", [[], ["--alone", "1"]], ids=["all", "alone"])
def test_trace_file_and_table(tmp_path, capfd, more):
    path = tmp_path / "trace.json"
    assert run([*CASE, "--profile", str(path), *more]) == 0
    out, errors = capfd.readouterr()
    assert json.loads(out)["and_gates"] == 500
    for name in ("setup", "preprocess", "leaky.garble", "LEAKY_G", "wall s"):
        assert name in errors
    assert str(path) in errors
    events = json.loads(path.read_text())["traceEvents"]
    parties = {1} if more else {0, 1}
    assert {event["pid"] for event in events} == parties
    assert {event["args"]["name"] for event in events if event["name"] == "process_name"} == {
        f"party {party}" for party in parties
    }
    spans = [event for event in events if event["ph"] == "X"]
    assert {event["cat"] for event in spans} == {"phase", "kernel", "wait", "send"}
    assert min(event["ts"] for event in spans) == 0
    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    assert {(event["pid"], event["tid"]) for event in spans} <= named


def test_summary_counts_kernels_of_other_threads_to_their_phase():
    second = 10**9
    taken = Trace()
    taken.spans = [
        Span("kernel", "a.b", 0, 1, 1 * second, second, second // 2),
        Span("kernel", "a.b", 0, 2, 2 * second, second, second),
        Span("kernel", "a.b", 1, 3, 2 * second, second, second),
        Span("send", "ROWS", 0, 1, 3 * second, 0, 0, 100),
        Span("phase", "setup", 0, 1, 0, 4 * second, second),
        Span("phase", "online", 0, 1, 4 * second, second, 0),
    ]
    rows = Summary.of(taken).rows
    setup, kernel = rows["phase", "setup"], rows["kernel", "a.b"]
    assert (setup.calls, setup.cpu, setup.wall, setup.size) == (1, 2.0, 4.0, 100)
    assert (kernel.calls, kernel.cpu, kernel.wall) == (3, 2.5, 3.0)
    assert rows["phase", "online"].size == 0
    assert list(rows) == [("phase", "setup"), ("phase", "online"), ("kernel", "a.b"), ("send", "ROWS")]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--alone", "0"], 2, "--alone needs --profile"),
        (["--profile", "x", "--transport", "http"], 2, "--transport memory"),
        (["--profile", "x", "--rtt", "5"], 2, "without --rtt"),
        (["--profile", "/proc/none/x"], 6, "cannot write"),
        (["--profile", "x", "--alone", "2"], 2, "the parties are 0 to 1"),
    ],
)
def test_misuse(capfd, tmp_path, monkeypatch, options, code, message):
    monkeypatch.chdir(tmp_path)
    assert run([*CASE, *options]) == code
    assert message in capfd.readouterr().err
