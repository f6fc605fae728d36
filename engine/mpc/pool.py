"""Triples and masks, handed out in order; the next batch is produced while the present one is used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import RunError
from engine.mpc.preprocessing import Batch, Preprocessing, Stage
from engine.mpc.shares import Shares


@dataclass(frozen=True, repr=False)
class Material:
    """Triples <x>, <y>, <z> with z = x and y, and as many fresh masks; ``z`` is None where nobody asked for it."""

    x: Shares
    y: Shares
    z: Shares | None
    masks: Shares

    def __len__(self) -> int:
        return len(self.x)


class Pool:
    """Triples and masks by their session-wide numbers: batch c holds (c-1)L .. cL-1 and (c-1)mw .. c*mw-1.

    A producer thread makes at most ``ahead`` batches more than were asked for, so memory is bounded by batches, not
    by the circuit.
    """

    def __init__(self, preprocessing: Preprocessing, *, ahead: int = 1) -> None:
        self._make = preprocessing
        self._layer = preprocessing.session.params.layer
        self._width = preprocessing.session.params.masks
        self._ahead = ahead
        self._nothing = Shares.empty(len(preprocessing.session.peers), 0)
        self._batches: dict[int, Batch] = {}
        self._stages: dict[int, Stage] = {}
        self._made = 0
        self._asked = 0
        self._needed = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def made(self) -> int:
        """Number of finished batches (cdone of section 9.1)."""
        return self._made

    def reserve(self, triples: int, masks: int) -> None:
        """Let batches be produced up to the one that holds these many triples and masks."""
        with self._changed:
            self._needed = max(self._needed, self._batches_of(triples, masks))
            self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._produce, name="preprocessing", daemon=True)
            self._thread.start()

    def announce(self, triples: int, masks: int) -> None:
        """Everything below these numbers will be asked for next: batches up to there may be made, and one more.

        To be called before waiting for a message that peers send only after they had the same batches.
        """
        with self._changed:
            self._asked = max(self._asked, self._batches_of(triples, masks))
            self._changed.notify_all()

    def ready(self, triples: int, masks: int) -> bool:
        """True if x and y of the triples and the masks below these numbers are there."""
        with self._changed:
            return self._there(triples, masks)

    def wait(self, triples: int, masks: int) -> None:
        """Return when they are; raises what ended the production."""
        self.announce(triples, masks)
        with self._changed:
            self._changed.wait_for(lambda: self._there(triples, masks) or self._error is not None)
            if not self._there(triples, masks):
                assert self._error is not None
                raise self._error

    def pieces(self, triple: int, mask: int, count: int, *, results: bool = False) -> Iterator[tuple[int, Material]]:
        """Triples and masks from the given numbers on, as views: (number of the first, material), cut where a batch of
        one or the other ends. Waits for them: x and y are there one flight earlier than z (``results``)."""
        stage, done = Stage.OPENED if results else Stage.TESTED, 0
        while done < count:
            c, at = divmod(triple + done, self._layer)
            d, place = divmod(mask + done, self._width)
            take = min(count - done, self._layer - at, self._width - place)
            batch, masks = self._batch(c + 1, stage), self._batch(d + 1, Stage.BITS).masks
            assert batch.x is not None and batch.y is not None and masks is not None
            z = batch.z[at : at + take] if results and batch.z is not None else None
            yield done, Material(batch.x[at : at + take], batch.y[at : at + take], z, masks[place : place + take])
            done += take

    def masks(self, start: int, count: int) -> Shares:
        """Mask shares start .. start+count-1; they are there as soon as the bits of their batch were checked."""
        found = [(batch.masks, cut) for batch, cut in self._parts(start, count, self._width, Stage.BITS)]
        return self._join([masks[cut] for masks, cut in found if masks is not None])

    def release(self, triples: int, masks: int) -> None:
        """Everything below these numbers was used: forget it."""
        keep = min(triples // self._layer, masks // self._width)
        with self._changed:
            for c in [c for c in self._batches if c <= keep]:
                self._batches.pop(c).wipe()
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until everything that was reserved is made.

        A circuit without AND gates ends before its batch does, and a party that leaves then would abort the others.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._made >= self._needed or self._error is not None)
            if self._error is not None:
                raise self._error

    def close(self) -> None:
        """Stop producing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=0.2)
            if self._thread.is_alive():  # in the middle of a batch that nobody will use
                self._make.session.channel.inbox.fail(RunError("the session was closed", code="closed"))
                self._thread.join(timeout=30)

    def _batches_of(self, triples: int, masks: int) -> int:
        return max(1, -(-triples // self._layer), -(-masks // self._width))

    def _there(self, triples: int, masks: int) -> bool:
        of_triples, of_masks = self._batches_of(triples, 0), self._batches_of(0, masks)
        return self._stages.get(of_triples, 0) >= Stage.TESTED and self._stages.get(of_masks, 0) >= Stage.BITS

    def _join(self, parts: list[Shares]) -> Shares:
        return Shares.concatenate(parts) if parts else self._nothing

    def _parts(self, start: int, count: int, size: int, stage: Stage) -> Iterator[tuple[Batch, slice]]:
        while count > 0:
            c, at = divmod(start, size)
            take = min(count, size - at)
            yield self._batch(c + 1, stage), slice(at, at + take)
            start, count = start + take, count - take

    def _batch(self, c: int, stage: Stage) -> Batch:
        """Batch ``c`` when it has reached ``stage``."""
        with self._changed:
            self._asked = max(self._asked, c)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stages.get(c, 0) >= stage or self._error is not None)
            if self._stages.get(c, 0) < stage:
                assert self._error is not None
                raise self._error
            return self._batches[c]

    def _produce(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or self._may_make())
                    if self._closed:
                        return
                    c = self._made + 1
                    batch = self._batches[c] = Batch()

                def announce(stage: Stage, c: int = c) -> None:
                    with self._changed:
                        self._stages[c] = stage
                        self._changed.notify_all()

                self._make.produce(c, batch, announce, (self._made, self._needed))
                with self._changed:
                    self._made = c
                    self._changed.notify_all()
        except BaseException as error:  # handed to whoever waits for the batch
            # Peers are told at once: the thread that uses batches may itself be waiting for a peer. But a session that
            # was closed in good order has nothing to tell; ABORT could overtake why.
            if not self._closed:
                self._make.session.end(error)
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _may_make(self) -> bool:
        return self._made < self._needed and self._made < max(1, self._asked) + self._ahead
