"""Deviations 1 to 13 of the catalogue: set-up, coins, same-key check (spec: protocol, 17.5)."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import PolicyError
from engine.mpc import correlation
from engine.mpc.parameters import parameters_for
from engine.mpc.party import Party
from engine.mpc.preprocessing import Preprocessing
from engine.mpc.same_key import SameKeyCheck
from engine.transport.frame import Header

from .cheating import change, flip, run

BOTH = pytest.mark.parametrize(("parties", "cheater"), [(2, 0), (2, 1), (3, 2)])
THREE = pytest.mark.parametrize("cheater", [0, 1, 2])


@BOTH
def test_1_other_parameters(parties, cheater):
    run(parties, cheater, tamper=change("HELLO", flip(0))).detected("HELLO")


@THREE
def test_2_nonce_equivocated(cheater):
    to = (cheater + 1) % 3
    run(3, cheater, tamper=change("HELLO", flip(40), to=to)).detected("HELLO")


@BOTH
@pytest.mark.parametrize("at", [5, 65 * 256 + 5])
def test_3_point_off_the_curve(parties, cheater, at):
    run(parties, cheater, tamper=change("BASEOT", flip(at))).detected("BASEOT")


@BOTH
def test_3_point_at_infinity(parties, cheater):
    def zero(payload):
        payload[65 * 256 : 65 * 257] = bytes(65)

    run(parties, cheater, tamper=change("BASEOT", zero)).detected("BASEOT")


@BOTH
def test_4_corrections_changed_on_both_sides(parties, cheater):
    def both(payload):
        payload[0] ^= 1
        payload[16] ^= 1

    run(parties, cheater, tamper=change("GGM", both)).detected("GGM")


def test_5_corrections_changed_on_one_side():
    """Every tree: the chance that all changes miss is 2^-32."""

    def one_side(payload):
        for tree in range(32):
            payload[128 * tree] ^= 1

    run(2, 0, tamper=change("GGM", one_side)).detected("GGM")


@BOTH
@pytest.mark.parametrize("at", [4096, 4096 + 32 * 32])
def test_6_tree_checks_changed(parties, cheater, at):
    run(parties, cheater, tamper=change("GGM", flip(at))).detected("GGM")


@THREE
def test_7_coin_page_equivocated(cheater):
    to = (cheater + 1) % 3
    run(3, cheater, tamper=change("COINPAGE", flip(7), to=to)).detected("COINPAGE")


@BOTH
@pytest.mark.parametrize("label", ["COIN_COT", "COIN_LEAKY"])
def test_8_coin_opening_changed(parties, cheater, label):
    run(parties, cheater, tamper=change(label, flip(3), a=1)).detected(label)


@THREE
def test_8_zero_test_coin_changed(cheater):
    run(3, cheater, tamper=change("COIN_ZT", flip(3))).detected("COIN_ZT")


class OtherKeyTowards(Preprocessing):
    """Case 10: base OTs with another global key towards the last party."""

    def start_pairs(self) -> None:
        other = self.session.delta ^ np.array([1 << 20, 1 << 9], np.uint64)
        self.correlation = correlation.run(self.session, {self.session.peers[-1]: other})


def party_with(preprocessing: type[Preprocessing]) -> type[Party]:
    """A party whose preprocessing deviates."""
    return type("Cheater", (Party,), {"make_preprocessing": lambda self: preprocessing(self.session)})


@THREE
def test_10_other_key_towards_one_party(cheater):
    """The alphas are those of the one key, the trees those of the other: the extension or 4.6 finds it."""
    run(3, cheater, party=party_with(OtherKeyTowards)).detected("DCHK2", "DCHK3", "COT_V")


class OtherKeyConsistently(OtherKeyTowards):
    """Case 10, the careful variant: extension and check of the pair use the other key throughout."""

    def start_pairs(self) -> None:
        session = self.session
        self.last = session.peers[-1]
        self.other = session.delta ^ np.array([1 << 20, 1 << 9], np.uint64)
        self.correlation = correlation.run(session, {self.last: self.other})
        honest = self.correlation.alpha
        bits = correlation.delta_bits(self.other)
        self.alphas = dict.fromkeys(session.peers, honest)
        self.alphas[self.last] = correlation.punctured_points(bits, session.params.k)

    def authenticated_bits(self, batch):
        from engine.mpc.authenticated_bits import BitExtension

        pre = self

        class Extension(BitExtension):
            def alpha_for(self, peer):
                return pre.alphas[peer]

        extension = Extension(self.session, self.correlation, self.coins, batch)
        extension.corrections()
        extension.check()
        return extension.output()


@THREE
def test_10_other_key_used_consistently_in_the_pair(cheater):
    run(3, cheater, party=party_with(OtherKeyConsistently)).detected("DCHK2", "DCHK3")


@BOTH
def test_11_bit_one_of_the_key_broken(parties, cheater):
    """Bit 1 of the sum of the keys must be 1: without it d is wrong and the zero test fails."""

    class WrongKey(Preprocessing):
        def start_pairs(self):
            self.session.delta[0] ^= np.uint64(2)
            super().start_pairs()

    run(parties, cheater, party=party_with(WrongKey)).detected("ZT_HASH", "ZT_OPEN")


@THREE
@pytest.mark.parametrize("at", [0, 100])
def test_12_commitment_differs_from_opening(cheater, at):
    """Key commitments (of both values, so that the opened one is hit) and the commitment to the bits."""

    def edit(payload):
        payload[at] ^= 1
        payload[at ^ 32] ^= 1

    run(3, cheater, tamper=change("DCHK1", edit)).detected("DCHK1", "DCHK3")


@THREE
def test_12_bits_differ_from_commitment(cheater):
    run(3, cheater, tamper=change("DCHK2", flip(-1))).detected("DCHK2")


def party_checking(check: type[SameKeyCheck]) -> type[Party]:
    """A party with a deviating same-key check."""

    class Deviating(Preprocessing):
        def same_key_check(self) -> None:
            mine = check(self.session, self.authenticated_bits(0))
            commitments = mine.commit()
            mine.open_keys(commitments, mine.open_bits(commitments))

    return party_with(Deviating)


@THREE
def test_12_wrong_key_value_opened(cheater):
    """The commitments are honest about a wrong sum: 4.6 step 4 compares with the MACs."""

    class WrongSum(SameKeyCheck):
        def key_sums(self):
            return super().key_sums() ^ np.uint64(16)

    run(3, cheater, party=party_checking(WrongSum)).detected("DCHK3")


@THREE
def test_13_false_bit_with_its_correct_mac(cheater):
    """A false bit is found before anybody opens a key value that would depend on it."""

    class FalseBit(SameKeyCheck):
        def __init__(self, session, shares):
            super().__init__(session, shares)
            message = bytearray(self.message)
            message[0] ^= 1
            self.message = bytes(message)

    outcome = run(3, cheater, party=party_checking(FalseBit))
    outcome.detected("DCHK2")
    assert not [h for h, _ in outcome.frames if h.label == "DCHK3"]


def test_20_fiat_shamir_is_refused_for_three_parties():
    with pytest.raises(PolicyError):
        parameters_for(3, 10, 10, fiat_shamir=1)


@BOTH
def test_9_no_coin_before_everything_it_challenges(parties, cheater):
    """A cheater that keeps its COT_D (or LEAKY_S) back never sees the coin of an honest party."""
    for missing, coin in (("COT_D", "COIN_COT"), ("LEAKY_S", "COIN_LEAKY")):

        def withhold(header: Header, payload: bytearray, missing: str = missing):
            return None if header.label == missing and header.a == 1 else payload

        outcome = run(parties, cheater, tamper=withhold, timeout=2.0)
        assert not [h for h, _ in outcome.frames if h.label == coin and h.a == 1]
        assert all(outcome.result.outputs[p] is None for p in outcome.honest)
