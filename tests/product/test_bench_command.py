"""`polytune bench`: the forms of the command line, the figures, and that a wrong output is never measured."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.circuit.bench import and_chain
from engine.transport.frame import BROADCAST, PHASES
from polytune_cli.bench.cases import CaseSpec, build
from polytune_cli.bench.figures import Figures, Measurement, PartyFigures
from polytune_cli.bench.http import run_party
from polytune_cli.bench.local import WrongOutput, compare
from polytune_cli.demo.ports import ReservedPorts
from polytune_cli.server import local
from tests.product.relay import CountingRelay

BENCH = [sys.executable, "-m", "polytune_cli.main", "bench"]
FIELDS = {
    "case",
    "parties",
    "and_gates",
    "seconds",
    "bytes_sent",
    "bytes_per_and",
    "rounds",
    "ands_per_second",
    "cpu_seconds",
    "peak_rss_bytes",
    "circuit_bytes",
}


def bench(*options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*BENCH, *options], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def figures(*options: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(bench(*options, "--json").stdout)
    assert set(record) >= FIELDS
    assert set(record["seconds"]) == {"total", "setup", "preprocess", "garble", "online"}
    stages = sum(record["seconds"][stage] for stage in ("setup", "preprocess", "garble", "online"))
    assert 0 < stages <= record["seconds"]["total"] * 1.02
    assert len(record["bytes_sent"]) == record["parties"]
    assert record["bytes_per_and"] == pytest.approx(sum(record["bytes_sent"]) / record["and_gates"], abs=0.001)
    assert record["ands_per_second"] == pytest.approx(record["and_gates"] / record["seconds"]["total"], rel=0.01)
    assert min(record["peak_rss_bytes"]) > max(10_000_000, record["circuit_bytes"])
    assert record["rounds"] >= 10
    return record


def test_and_in_memory() -> None:
    record = figures("and", "--ands", "5000", "--parties", "3", "--repeat", "2", "--k", "2", "--threads", "1")
    assert (record["case"], record["and_gates"], record["parties"]) == ("and", 5000, 3)
    assert record["circuit_bytes"] == 9 * 15_000 + 4 * 128  # each AND gate reads two XOR gates
    assert len(record["totals"]) == 2 and len(record["peak_rss_bytes"]) == 1


@pytest.mark.parametrize(("parties", "others"), [(2, {"COIN_ZT", "ZT_COM", "ZT_OPEN", "COIN_COT"}), (3, {"ZT_HASH"})])
def test_the_timed_run_contains_every_message(parties: int, others: set[str]) -> None:
    record = figures("and", "--ands", "5000", "--transport", "http", "--parties", str(parties))
    broadcast = {f"{name}/echo" for name in BROADCAST} if parties > 2 else set()
    only_three = {"DCHK1", "DCHK2", "DCHK3"} if parties == 2 else set()
    assert set(record["messages"]) == (set(PHASES) | broadcast) - others - only_three - {"ABORT"}
    assert min(record["messages"].values()) >= 1


def test_and_over_http_with_processes() -> None:
    record = figures("and", "--ands", "5000", "--transport", "http", "--processes")
    assert len(record["peak_rss_bytes"]) == 2
    inside = figures("and", "--ands", "5000")
    for on_socket, payload in zip(record["bytes_sent"], inside["bytes_sent"]):
        assert payload < on_socket < payload * 1.2 + 100_000


def test_bytes_are_those_on_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the parties stand relays that count; the figures must agree with them within one percent."""
    case = build(CaseSpec("and", ands=20_000))
    with ReservedPorts(2) as ports, CountingRelay(ports.numbers[1]) as to_1, CountingRelay(ports.numbers[0]) as to_0:
        urls = [f"http://127.0.0.1:{to_0.port}/", f"http://127.0.0.1:{to_1.port}/"]
        through = functools.partial(local.serve_channel, urls=urls)
        monkeypatch.setattr(local, "serve_channel", through)
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(run_party, case, party, ports.numbers, "counted", {}) for party in (0, 1)]
            found = [run.result(120) for run in runs]
    compare(found[0][1], case.evaluate())
    assert found[0][0].bytes_sent == pytest.approx(to_1.requests + to_0.answers, rel=0.01)
    assert found[1][0].bytes_sent == pytest.approx(to_0.requests + to_1.answers, rel=0.01)


@pytest.mark.parametrize("tls", [[], ["--tls"]])
def test_join_over_http_in_one_process(tls: list[str]) -> None:
    record = figures("join", "--rows", "6", "--key-bytes", "3", "--transport", "http", *tls)
    assert record["transport"] == ("https, one process" if tls else "http, one process")
    assert record["case"] == "join" and record["and_gates"] > 500


def test_join_of_three() -> None:
    assert figures("join", "--rows", "4", "--key-bytes", "2", "--parties", "3")["parties"] == 3


def test_bristol_file(tmp_path: Path) -> None:
    path = tmp_path / "chain.txt"
    and_chain(300, 2, 5).to_bristol(path)
    assert figures("bristol", "--file", str(path))["and_gates"] == 300


def test_a_program(tmp_path: Path) -> None:
    path = tmp_path / "product.garble.rs"
    path.write_text("const N: usize = PARTY_0::N;\npub fn main(x: [u8; N], y: u8) -> u8 { x[0] & y }\n")
    record = figures(str(path), "--const", "PARTY_0::N=3")
    assert record["and_gates"] == 8


def test_a_table_for_people() -> None:
    done = bench("and", "--ands", "1000")
    assert "AND gates per second" in done.stdout and "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["and", "--rtt", "40", "--transport", "http"], "need --processes"),
        (["and", "--mbit", "-1"], "0"),
        (["and", "--processes"], "--transport http"),
        (["nothing"], "neither a case"),
        (["bristol"], "--file"),
        (["join", "--rows", "200", "--key-bytes", "1"], "--key-bytes"),
        (["and", "--const", "ROWS=3"], "PARTY_0::NAME=VALUE"),
    ],
)
def test_usage_errors(options: list[str], text: str) -> None:
    done = bench(*options, code=2)
    assert text in done.stderr and "Traceback" not in done.stderr


def test_a_circuit_for_another_number_of_parties(tmp_path: Path) -> None:
    path = tmp_path / "chain.txt"
    and_chain(128, 2, 5).to_bristol(path)
    assert "use --parties 2" in bench("bristol", "--file", str(path), "--parties", "3", code=2).stderr


def test_a_wrong_output_is_an_error() -> None:
    right = np.array([0, 1, 1], dtype=np.uint8)
    compare(right.copy(), right)
    for wrong in (None, right ^ 1, right[:2]):
        with pytest.raises(WrongOutput):
            compare(wrong, right)


def test_join_inputs_are_sorted_and_overlap() -> None:
    case = build(CaseSpec("join", rows=40, key_bytes=4, seed=9))
    keys = []
    for bits in case.inputs:
        rows = np.packbits(bits).reshape(40, 5)[:, :4]
        keys.append([bytes(row) for row in rows])
        assert keys[-1] == sorted(set(keys[-1]))
    assert 0 < len(set(keys[0]) & set(keys[1])) == case.expected_count < 40
    assert build(CaseSpec("join", rows=40, key_bytes=4, seed=9)).evaluate().tolist() == case.evaluate().tolist()


def test_the_median_run_is_reported() -> None:
    def run(total: float) -> Measurement:
        return Measurement([PartyFigures(total, {"setup": 0.5}, 100, 12)] * 2, [1, 1], 0.1, 0.2)

    record = Figures.of_runs("and", 10, 270, [run(3.0), run(1.0), run(2.0), run(9.0)], "memory").to_json()
    assert record["seconds"]["total"] == 2.0
    assert record["totals"] == [3.0, 1.0, 2.0, 9.0]
    assert record["bytes_per_and"] == 20.0
    assert record["circuit_bytes"] == 270


@pytest.mark.parametrize("options", [[], ["--transport", "http", "--processes"]], ids=["memory", "http"])
def test_an_imitated_network(options):
    """The run goes through the slow line; only its time differs."""
    record = figures("and", "--ands", "500", "--rtt", "2", "--mbit", "300", *options)
    plain = figures("and", "--ands", "500", *options)
    assert record["rounds"] == plain["rounds"]
    assert record["seconds"]["total"] > record["rounds"] * 0.001 / 2
