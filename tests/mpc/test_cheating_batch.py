"""Deviations 14 to 36 of the catalogue: extension, leaky AND, zero test, openings (spec: protocol, 17.5)."""

from __future__ import annotations

import numpy as np
import pytest

from engine.mpc import zero_test
from engine.mpc.authenticated_bits import BitExtension
from engine.mpc.leaky_and import LeakyAnd
from engine.mpc.party import Party
from engine.mpc.zero_test import ZeroTest, powers

from .catalogue import case
from .cheating import ALIKE, OF_THREE, OF_TWO, change, flip
from .cheating import run_dealt as run
from .support import DealtPreprocessing


def party_with(**methods) -> type[Party]:
    """A party whose preprocessing has other methods."""
    preprocessing = type("Deviating", (DealtPreprocessing,), methods)
    return type("Cheater", (Party,), {"make_preprocessing": lambda self: preprocessing(self.session)})


def with_extension(extension: type[BitExtension]) -> type[Party]:
    def authenticated_bits(self, batch):
        step = extension(self.session, self.correlation, self.coins, batch)
        step.corrections()
        step.check()
        return step.output()

    return party_with(authenticated_bits=authenticated_bits)


# -- authenticated bits ---------------------------------------------------------------------------------------


@case(14)
@OF_THREE
def test_14_other_bits_towards_one_party(parties, cheater):
    class TwoFaced(BitExtension):
        def bits_for(self, peer):
            return self.x ^ np.uint64(4) if peer == self.session.peers[-1] else self.x

    run(parties, cheater, party=with_extension(TwoFaced)).detected(14)


@case(15)
@ALIKE
def test_15_other_bits_in_half_of_the_trees(parties, cheater):
    def half(payload):
        planes = np.frombuffer(payload, np.uint64).reshape(32, -1)
        planes[:16, 0] ^= np.uint64(1)

    run(parties, cheater, tamper=change("COT_D", half, a=1)).detected(15)


@case(16)
@ALIKE
def test_16_one_bit_changed_in_every_tree(parties, cheater):
    def every(payload):
        np.frombuffer(payload, np.uint64).reshape(32, -1)[:, 2] ^= np.uint64(1 << 7)

    run(parties, cheater, tamper=change("COT_D", every, a=1)).detected(16)


@case(17)
@ALIKE
def test_17_lie_about_x(parties, cheater):
    outcome = run(parties, cheater, tamper=change("COT_X", flip(2), a=1))
    outcome.detected(17)


@case(18)
@OF_THREE
def test_18_x_equivocated(parties, cheater):
    to = (cheater + 1) % parties
    run(parties, cheater, tamper=change("COT_X", flip(2), to=to, a=1)).detected(18)


@case(19)
@ALIKE
def test_19_wrong_v(parties, cheater):
    run(parties, cheater, tamper=change("COT_V", flip(9), a=1)).detected(19)


@case(16, 17, 19)
@OF_TWO
@pytest.mark.parametrize(
    ("number", "label", "edit"), [(16, "COT_D", flip(16 * 7)), (17, "COT_X", flip(2)), (19, "COT_V", flip(9))]
)
def test_16_to_19_with_the_challenge_from_a_hash(parties, cheater, number, label, edit):
    """fs = 1: corrections, X and v come together, and a change of any of them is found by the same check."""
    run(parties, cheater, tamper=change(label, edit, a=1), fiat_shamir=1).detected(number)


# -- leaky AND ------------------------------------------------------------------------------------------------


@case(21)
@ALIKE
def test_21_wrong_ciphertexts(parties, cheater):
    def corrupt(payload):
        np.frombuffer(payload, np.uint64)[:64] ^= np.uint64(0x55AA)

    run(parties, cheater, tamper=change("LEAKY_G", corrupt)).detected(21)


@case(22)
@ALIKE
def test_22_wrong_c(parties, cheater):
    """Other y in 64 triples: C no longer fits the shares."""

    class OtherY(LeakyAnd):
        def garble(self):
            honest = self.shares
            self.shares = honest.copy()
            self.shares.macs[0, self.count : self.count + 64, 0] ^= np.uint64(1)
            try:
                return super().garble()
            finally:
                self.shares = honest

    def leaky_and(self, batch, shares):
        return OtherY(self.session, batch, shares)

    run(parties, cheater, party=party_with(leaky_and=leaky_and)).detected(22)


@case(23)
@ALIKE
def test_23_one_bit_of_s_flipped_for_all(parties, cheater):
    run(parties, cheater, tamper=change("LEAKY_S", flip(1))).detected(23)


@case(24)
@OF_THREE
def test_24_one_bit_of_s_flipped_for_one_party(parties, cheater):
    to = (cheater + 2) % parties
    run(parties, cheater, tamper=change("LEAKY_S", flip(1), to=to)).detected(24)


# -- zero test ------------------------------------------------------------------------------------------------


def with_zero_test(change_test) -> type[Party]:
    """``change_test(test)`` is called before the test runs."""

    def run_test(self, batch, rho, leaky, coin):
        test = change_test(self.session, self.coins, batch, rho, leaky.folded(coin))
        test.send_ciphertexts()
        received = test.receive_ciphertexts()
        test.accept(test.product_share(test.coefficients(), received))

    return party_with(zero_test=run_test)


@case(25)
@ALIKE
def test_25_v_changed(parties, cheater):
    class OtherValue(ZeroTest):
        def __init__(self, session, coins, batch, rho, v):
            super().__init__(session, coins, batch, rho, v ^ np.uint64(8))

    run(parties, cheater, party=with_zero_test(OtherValue)).detected(25)


@case(26)
@ALIKE
def test_26_wrong_ciphertexts(parties, cheater):
    def corrupt(payload):
        np.frombuffer(payload, np.uint64)[:] ^= np.uint64(3)

    run(parties, cheater, tamper=change("ZT_C", corrupt)).detected(26)


@case(27)
@OF_THREE
def test_27_wrong_share_committed(parties, cheater):
    class WrongShare(ZeroTest):
        def accept(self, share):
            super().accept(share ^ np.uint64(1))

    run(parties, cheater, party=with_zero_test(WrongShare)).detected(27)


@case(28)
@OF_THREE
def test_28_opening_differs_from_commitment(parties, cheater):
    run(parties, cheater, tamper=change("ZT_OPEN", flip(0))).detected(28)


@case(29)
@OF_THREE
def test_29_commitment_copied(parties, cheater):
    """A rushing party repeats commitment and opening of another one; the index inside the hash tells."""
    victim = (cheater + 1) % parties

    class Copying(ZeroTest):
        def open_sum(self, share):
            session = self.session
            commitment = session.recv_bytes(victim, "ZT_COM", 32, a=self.batch)
            session.send_all("ZT_COM", commitment, a=self.batch)
            for p in session.peers:
                if p != victim:
                    session.recv_bytes(p, "ZT_COM", 32, a=self.batch)
            opening = session.recv_bytes(victim, "ZT_OPEN", 48, a=self.batch)
            session.send_all("ZT_OPEN", opening, a=self.batch)

    run(parties, cheater, party=with_zero_test(Copying)).detected(29)


@case(30)
@OF_TWO
def test_30_wrong_hash(parties, cheater):
    run(parties, cheater, tamper=change("ZT_HASH", flip(0))).detected(30)


@case(31)
@OF_TWO
def test_31_hash_reflected(parties, cheater):
    class Reflecting(ZeroTest):
        def __init__(self, session, coins, batch, rho, v):
            super().__init__(session, coins, batch, rho, v ^ np.uint64(8))

        def compare(self, share):
            theirs = self.session.recv_bytes(self.session.peers[0], "ZT_HASH", 32, a=self.batch)
            self.session.send_all("ZT_HASH", theirs, a=self.batch)

    run(parties, cheater, party=with_zero_test(Reflecting)).detected(31)


@case(32)
@OF_TWO
def test_32_errors_that_square_r(parties, cheater):
    """Errors X^b in the ciphertexts make the sum R E + R^2: it must not pass."""

    def edit(payload):
        blocks = np.frombuffer(payload, np.uint64).reshape(-1, 2)
        blocks ^= powers(128)

    run(parties, cheater, tamper=change("ZT_C", edit)).detected(32, "ZT_HASH")


@case(32)
@OF_THREE
def test_32_errors_that_square_r_for_three(parties, cheater):
    def edit(payload):
        blocks = np.frombuffer(payload, np.uint64).reshape(-1, 2)
        blocks[:128] ^= powers(128)

    run(parties, cheater, tamper=change("ZT_C", edit)).detected(32, "ZT_OPEN")


@case(33)
@ALIKE
def test_33_no_message_after_a_flipped_bit_determines_the_key(parties, cheater):
    """Two batches; a bit of the second is flipped. Afterwards honest parties send only what the test masks.

    V_i itself never leaves: neither it nor the fold of it is among the bytes on the wire.
    """
    values: list[bytes] = []
    original = zero_test.ZeroTest.__init__

    def spy(self, session, coins, batch, rho, v):
        original(self, session, coins, batch, rho, v)
        values.append(v.tobytes())

    zero_test.ZeroTest.__init__ = spy  # type: ignore[method-assign]
    try:
        tamper = change("LEAKY_S", flip(0), a=2)
        outcome = run(parties, cheater, tamper=tamper, batch=4)
    finally:
        zero_test.ZeroTest.__init__ = original  # type: ignore[method-assign]
    outcome.detected(33)
    late = [(h, p) for h, p in outcome.frames if h.a == 2]
    allowed = {"ZT_C", "ZT_HASH", "ZT_COM", "ZT_OPEN", "COIN_ZT", "COIN_LEAKY", "LEAKY_S", "LEAKY_G", "COT_D"}
    allowed |= {"COIN_COT", "COT_X", "COT_X/echo", "COT_V", "MASKED", "MASKED/echo"}
    assert {h.label for h, _ in late} <= allowed
    assert not [h for h, p in late for v in values if v in p]
    assert not [h for h, _ in late if h.label == "OPEN_BUCKET"]


# -- openings -------------------------------------------------------------------------------------------------


@case(34, 35)
@ALIKE
@pytest.mark.parametrize(("number", "label"), [(34, "OPEN_BUCKET"), (35, "OPEN_BEAVER")])
@pytest.mark.parametrize("at", [0, -1])
def test_34_35_openings_changed(parties, cheater, number, label, at):
    """A flipped bit, and a flipped bit of the fold."""
    run(parties, cheater, tamper=change(label, flip(at))).detected(number)


@case(36)
@ALIKE
def test_36_opening_of_another_operation(parties, cheater):
    """The opening of batch 1 sent again as that of batch 2: the seed holds the operation."""
    first: dict[int, bytes] = {}

    def replay(header, payload):
        if header.label == "OPEN_BUCKET":
            if header.a == 1:
                first[header.receiver] = bytes(payload)
            else:
                return bytearray(first[header.receiver])
        return payload

    run(parties, cheater, tamper=replay, batch=4).detected(36, "OPEN_BUCKET")


@case(36)
@ALIKE
def test_36_opening_of_another_segment(parties, cheater):
    """The same for the product masks of two segments."""
    first: dict[int, bytes] = {}

    def replay(header, payload):
        if header.label == "OPEN_BEAVER" and header.b == 0:
            first[header.receiver] = bytes(payload)
        if header.label == "OPEN_BEAVER" and header.b == 1:
            return bytearray(first[header.receiver])
        return payload

    run(parties, cheater, tamper=replay, segment=6).detected(36, "OPEN_BEAVER")


def every_block(payload):
    payload[5::16] = bytes(b ^ 1 for b in payload[5::16])


#: Number in the catalogue, message, deviation.
LATER = [(8, "COIN_COT", flip(3)), (16, "COT_D", flip(20)), (17, "COT_X", flip(2)), (19, "COT_V", flip(9))]
LATER += [(23, "LEAKY_S", flip(0)), (8, "COIN_LEAKY", flip(3)), (26, "ZT_C", every_block), (34, "OPEN_BUCKET", flip(0))]


@case(8, 16, 17, 19, 23, 26, 34)
@ALIKE
@pytest.mark.parametrize(("number", "label", "edit"), LATER)
def test_the_same_in_a_later_batch(parties, cheater, number, label, edit):
    """While the first batch is being used: the session ends, whatever the other thread is doing."""
    run(parties, cheater, tamper=change(label, edit, a=2), batch=4).detected(number)
