"""Measurements inside one process: all parties as threads, in-memory channels or HTTP on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.errors import PolytuneError
from engine.resources import peak_memory
from engine.transport.slow import Wire, slow_down
from polytune_cli.bench.cases import Case, CaseSpec, build
from polytune_cli.bench.figures import Figures, Measurement, PartyFigures
from polytune_cli.kernels import get_ready

if TYPE_CHECKING:
    import numpy as np

#: Size of the circuit that is run once so that every kernel is compiled or loaded before the clock starts.
WARM_ANDS = 2000


class WrongOutput(PolytuneError):
    """The protocol's output differs from plain evaluation: no figure of such a run is worth printing."""

    code = "wrong_output"


def warm_kernels(parties: int, options: dict[str, Any]) -> float:
    """Compile what is missing and run a small circuit with the same options; returns the seconds it took."""
    import engine
    from engine.circuit.bench import and_chain

    begin = time.perf_counter()
    get_ready()
    circuit = and_chain(WARM_ANDS, parties, 7)
    inputs = [[0] * bits for bits in circuit.input_bits]
    engine.simulate(circuit, _as_bits(inputs), **options)
    return time.perf_counter() - begin


def _as_bits(inputs: list[list[int]]) -> list[np.ndarray]:
    import numpy as np

    return [np.array(bits, dtype=np.uint8) for bits in inputs]


def compare(outputs: Any, expected: np.ndarray) -> None:
    """Raise :class:`WrongOutput` unless the protocol's bits are the plain ones."""
    import numpy as np

    if outputs is None or not np.array_equal(np.asarray(outputs, dtype=np.uint8), expected):
        raise WrongOutput("the protocol's output differs from plain evaluation", "please report this")


def prepare(spec: CaseSpec) -> tuple[Case, float]:
    """Build the case; returns it with the seconds of compiling its circuit (which is kept with its plan)."""
    begin = time.perf_counter()
    case = build(spec)
    case.circuit.plan()  # part of compiling, as in a run of the service
    return case, time.perf_counter() - begin


def measure_memory(
    spec: CaseSpec, repeat: int, options: dict[str, Any], log: Callable[[str], None], wire: Wire
) -> Figures:
    """All parties as threads of this process over in-memory channels (`engine.simulate`); ``wire`` may slow them."""
    import engine
    from engine.transport import memory_channels

    log("compiling the circuit")
    case, compile_seconds = prepare(spec)
    expected = case.evaluate()
    log("preparing the kernels")
    kernel_seconds = warm_kernels(case.parties, options)
    runs = []
    for number in range(repeat):
        log(f"run {number + 1} of {repeat}")
        channels = memory_channels(case.parties)
        if wire != Wire():
            pairs = [(a, b) for a in range(case.parties) for b in range(case.parties) if a != b]
            slow_down(channels, dict.fromkeys(pairs, wire))
        result = engine.simulate(case.circuit, case.inputs, channels=channels, **options)
        for channel in channels:
            channel.link.close()
        compare(result.outputs[0], expected)
        parties = [PartyFigures.from_stats(stats) for stats in result.stats]
        runs.append(Measurement(parties, [peak_memory()], compile_seconds, kernel_seconds))
    circuit = case.circuit
    return Figures.of_runs(spec.name, circuit.and_gates, circuit.circuit_bytes, runs, "memory")
