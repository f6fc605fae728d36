"""Deviations 1 to 13 of the catalogue: set-up, coins, same-key check (spec: protocol, 17.5)."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from engine.errors import PolicyError, Timeout
from engine.mpc import correlation
from engine.mpc.parameters import parameters_for
from engine.mpc.party import Party
from engine.mpc.preprocessing import Preprocessing
from engine.mpc.same_key import SameKeyCheck
from engine.transport.frame import Header

from .catalogue import case
from .cheating import ALIKE, OF_THREE, change, flip, run, run_dealt


@case(1)
@ALIKE
def test_1_other_parameters(parties, cheater):
    run(parties, cheater, tamper=change("HELLO", flip(0))).detected(1)


@case(2)
@OF_THREE
def test_2_nonce_equivocated(parties, cheater):
    to = (cheater + 1) % parties
    run(parties, cheater, tamper=change("HELLO", flip(40), to=to)).detected(2)


@case(3)
@ALIKE
@pytest.mark.parametrize("at", [5, 65 * 256 + 5])
def test_3_point_off_the_curve(parties, cheater, at):
    run(parties, cheater, tamper=change("BASEOT", flip(at))).detected(3)


@case(3)
@ALIKE
@pytest.mark.parametrize("point", [0, 256])
def test_3_point_at_infinity(parties, cheater, point):
    def zero(payload):
        payload[65 * point : 65 * (point + 1)] = bytes(65)

    run(parties, cheater, tamper=change("BASEOT", zero)).detected(3)


@case(4)
@ALIKE
def test_4_corrections_changed_on_both_sides(parties, cheater):
    def both(payload):
        payload[0] ^= 1
        payload[16] ^= 1

    run(parties, cheater, tamper=change("GGM", both)).detected(4)


@case(5)
@ALIKE
def test_5_corrections_changed_on_one_side(parties, cheater):
    """Every tree: the chance that all changes miss is 2^-32. One tree: see the rates."""

    def one_side(payload):
        for tree in range(32):
            payload[128 * tree] ^= 1

    run(parties, cheater, tamper=change("GGM", one_side)).detected(5)


@case(6)
@ALIKE
@pytest.mark.parametrize("at", [4096, 4096 + 32 * 32])
def test_6_tree_checks_changed(parties, cheater, at):
    run(parties, cheater, tamper=change("GGM", flip(at))).detected(6)


@case(7)
@OF_THREE
def test_7_coin_page_equivocated(parties, cheater):
    to = (cheater + 1) % parties
    run(parties, cheater, tamper=change("COINPAGE", flip(7), to=to)).detected(7)


@case(8)
@ALIKE
@pytest.mark.parametrize("label", ["COIN_COT", "COIN_LEAKY"])
def test_8_coin_opening_changed(parties, cheater, label):
    run(parties, cheater, tamper=change(label, flip(3), a=1)).detected(8, label)


@case(8)
@OF_THREE
def test_8_zero_test_coin_changed(parties, cheater):
    run(parties, cheater, tamper=change("COIN_ZT", flip(3))).detected(8, "COIN_ZT")


class OtherKeyTowards(Preprocessing):
    """Case 10: base OTs with another global key towards the last party."""

    def start_pairs(self) -> None:
        other = self.session.delta ^ np.array([1 << 20, 1 << 9], np.uint64)
        self.correlation = correlation.run(self.session, delta_towards={self.session.peers[-1]: other})


def party_with(preprocessing: type[Preprocessing]) -> type[Party]:
    """A party whose preprocessing deviates."""
    return type("Cheater", (Party,), {"make_preprocessing": lambda self: preprocessing(self.session)})


@case(10)
@OF_THREE
def test_10_other_key_towards_one_party(parties, cheater):
    """The alphas are those of the one key, the trees those of the other: the extension or 4.6 finds it."""
    run(parties, cheater, party=party_with(OtherKeyTowards)).detected(10)


class OtherKeyConsistently(OtherKeyTowards):
    """Case 10, the careful variant: extension and check of the pair use the other key throughout."""

    def start_pairs(self) -> None:
        session = self.session
        self.last = session.peers[-1]
        self.other = session.delta ^ np.array([1 << 20, 1 << 9], np.uint64)
        self.correlation = correlation.run(session, delta_towards={self.last: self.other})
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


@case(10)
@OF_THREE
def test_10_other_key_used_consistently_in_the_pair(parties, cheater):
    run(parties, cheater, party=party_with(OtherKeyConsistently)).detected(10)


@case(11)
@ALIKE
def test_11_bit_one_of_the_key_broken(parties, cheater):
    """Bit 1 of the sum of the keys must be 1: without it d is wrong and the zero test fails."""

    class WrongKey(Preprocessing):
        def start_pairs(self):
            self.session.delta[0] ^= np.uint64(2)
            super().start_pairs()

    run(parties, cheater, party=party_with(WrongKey)).detected(11)


@case(12)
@OF_THREE
@pytest.mark.parametrize("at", [0, 100])
def test_12_commitment_differs_from_opening(parties, cheater, at):
    """Key commitments (of both values, so that the opened one is hit) and the commitment to the bits."""

    def edit(payload):
        payload[at] ^= 1
        payload[at ^ 32] ^= 1

    run(parties, cheater, tamper=change("DCHK1", edit)).detected(12, "DCHK1", "DCHK3")


@case(12)
@OF_THREE
def test_12_bits_differ_from_commitment(parties, cheater):
    run(parties, cheater, tamper=change("DCHK2", flip(-1))).detected(12, "DCHK2")


def party_checking(check: type[SameKeyCheck]) -> type[Party]:
    """A party with a deviating same-key check."""

    class Deviating(Preprocessing):
        def same_key_check(self) -> None:
            mine = check(self.session, self.authenticated_bits(0))
            commitments = mine.commit()
            mine.open_keys(commitments, mine.open_bits(commitments))

    return party_with(Deviating)


@case(12)
@OF_THREE
def test_12_wrong_key_value_opened(parties, cheater):
    """The commitments are honest about a wrong sum: 4.6 step 4 compares with the MACs."""

    class WrongSum(SameKeyCheck):
        def key_sums(self):
            return super().key_sums() ^ np.uint64(16)

    run(parties, cheater, party=party_checking(WrongSum)).detected(12, "DCHK3")


@case(13)
@OF_THREE
def test_13_false_bit_with_its_correct_mac(parties, cheater):
    """A false bit is found before anybody opens a key value that would depend on it."""

    class FalseBit(SameKeyCheck):
        def __init__(self, session, shares):
            super().__init__(session, shares)
            message = bytearray(self.message)
            message[0] ^= 1
            self.message = bytes(message)

    outcome = run(parties, cheater, party=party_checking(FalseBit))
    outcome.detected(13)
    assert not [h for h, _ in outcome.frames if h.label == "DCHK3"]


@case(20)
@OF_THREE
def test_20_challenge_from_a_hash_for_three_parties(parties, cheater):
    """The parameters refuse it, and a party that insists is not believed: its hash of the parameters differs."""
    with pytest.raises(PolicyError):
        parameters_for(parties, 10, 10, fiat_shamir=1)

    class Insisting(Party):
        def __init__(self, session, **options):
            session.params = copy.copy(session.params)
            object.__setattr__(session.params, "fiat_shamir", 1)
            super().__init__(session, **options)

    run(parties, cheater, party=Insisting).detected(20)


@case(9)
@ALIKE
@pytest.mark.parametrize(
    ("missing", "coin"),
    [("COT_D", "COIN_COT"), ("LEAKY_G", "COIN_LEAKY"), ("LEAKY_S", "COIN_LEAKY"), ("ZT_C", "COIN_ZT")],
)
def test_9_no_coin_before_everything_it_challenges(parties, cheater, missing, coin):
    """A cheater that keeps a message back, but opens its own coin, never sees the coin of an honest party."""
    if parties == 2 and coin == "COIN_ZT":
        pytest.skip("two parties have no such coin")

    def withhold(header: Header, payload: bytearray):
        return None if (header.label, header.a) == (missing, 1) else payload

    outcome = run_dealt(parties, cheater, tamper=withhold, timeout=1.0)
    outcome.ended(Timeout)
    assert not [h for h, _ in outcome.frames if h.label == coin and h.a == 1]
