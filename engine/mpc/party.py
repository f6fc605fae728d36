"""One party of the protocol: set up once, execute circuits, close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.circuit import Circuit
from engine.errors import UsageError
from engine.mpc.exec_header import Refused
from engine.mpc.execution import Execution, Position
from engine.mpc.parameters import SEGMENT
from engine.mpc.pool import Pool
from engine.mpc.preprocessing import Preprocessing
from engine.mpc.session import Session


def places_of(parties: int, evaluator: int) -> tuple[int, ...]:
    """Application numbers in protocol order: the evaluator first, the others ascending (section 1)."""
    return (evaluator, *(p for p in range(parties) if p != evaluator))


class Party:
    """Set-up, preprocessing and executions of one session. Numbers are the application's.

    Steps are made by methods, so that a test can put a party opposite an honest one that deviates in one step.
    """

    def __init__(self, session: Session, *, segment: int = SEGMENT) -> None:
        self.session = session
        self.segment = segment
        self.preprocessing = self.make_preprocessing()
        self.pool = Pool(self.preprocessing)
        self.position = Position()

    def make_preprocessing(self) -> Preprocessing:
        """Sections 4 to 8."""
        return Preprocessing(self.session)

    def make_execution(self, circuit: Circuit, owners: np.ndarray, receivers: Sequence[int]) -> Execution:
        """Sections 9 and 10."""
        return Execution(self.session, self.pool, self.position, circuit, owners, receivers, segment=self.segment)

    def setup(self, circuit: Circuit) -> None:
        """Section 4; batches for ``circuit`` begin to be made."""
        with self.session.living():
            self.preprocessing.setup()
            self.reserve(circuit)
            self.preprocessing.check_keys()
            self.session.channel.enter("preprocess")

    def reserve(self, circuit: Circuit) -> None:
        """Produce what the next execution of ``circuit`` needs."""
        triples = self.position.triple + circuit.and_gates
        self.pool.reserve(triples, self.position.mask + circuit.and_gates + circuit.inputs)

    def execute(self, circuit: Circuit, bits: np.ndarray, output_parties: Sequence[int] = (0,)) -> np.ndarray | None:
        """Run ``circuit`` on own input ``bits``; the output bits, or None if this party is no receiver.

        Raises :class:`Refused` when the parties hold different circuits; the session then stays alive.
        """
        try:
            with self.session.living():
                result = self._run(circuit, bits, output_parties)
        finally:
            if self.session.dead is not None:
                self.pool.close()
        if isinstance(result, Refused):
            raise result
        return result

    def _run(self, circuit: Circuit, bits: np.ndarray, output_parties: Sequence[int]) -> np.ndarray | Refused | None:
        session = self.session
        places = session.channel.places
        counts = [*circuit.input_bits, *[0] * (session.parties - len(circuit.input_bits))]
        if len(counts) > session.parties:
            raise UsageError(f"the circuit has {len(counts)} input parties, the session {session.parties}")
        place = session.place(session.party)
        values = np.ascontiguousarray(bits, dtype=np.uint8)
        if values.shape != (counts[place],) or values.max(initial=0) > 1:
            raise UsageError(f"party {place} needs {counts[place]} input bits of 0 or 1")
        owners = np.repeat([places.index(p) for p in range(session.parties)], counts).astype(np.int64)
        receivers = sorted(places.index(p) for p in set(output_parties))
        execution = self.make_execution(circuit, owners, receivers)
        with session.passing():
            try:
                result = execution.run(values)
            except Refused as refusal:  # nothing took place: the session stays alive
                return refusal
            self.pool.settle()
            self.session.channel.flush()
        self.session.channel.enter("done")
        self.session.progress("output", 1.0 if result is None else 0.5)
        return result

    def close(self) -> None:
        """Send nothing more, stop producing, forget all secrets."""
        self.session.channel.shut()
        self.pool.close()
        self.session.wipe()
