"""Batch shapes and bucket sizes (spec: protocol, sections 5 and 8.1)."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine.errors import PolicyError
from engine.mpc.parameters import BATCH, Parameters, bucket_shape, minimum_layer, parameters_for

TABLE = {
    40: {3: 370_728, 4: 4_096, 5: 431, 6: 112, 7: 46, 8: 24, 9: 15, 10: 11},
    64: {4: 1_048_576, 5: 27_555, 6: 3_105, 7: 725, 8: 256, 9: 118, 10: 64},
    80: {4: 42_275_936, 5: 440_872, 6: 28_527, 7: 4_598, 8: 1_249, 9: 470, 10: 220},
}


@pytest.mark.parametrize(("rho", "bucket"), [(rho, b) for rho, row in TABLE.items() for b in row])
def test_table_of_minimum_layers(rho, bucket):
    assert minimum_layer(rho, bucket) == TABLE[rho][bucket]


@pytest.mark.parametrize("rho", [40, 64, 80])
@pytest.mark.parametrize("bucket", range(3, 41))
def test_bound_holds_and_is_tight(rho, bucket):
    """2^-B L^-(B-1) <= 2^-rho, and not for one triple less."""
    layer = minimum_layer(rho, bucket)
    assert Fraction(1, 2**bucket * layer ** (bucket - 1)) <= Fraction(1, 2**rho)
    if layer > 1:
        assert Fraction(1, 2**bucket * (layer - 1) ** (bucket - 1)) > Fraction(1, 2**rho)


@pytest.mark.parametrize(
    ("triples", "shape"),
    [(1, (40, 1)), (100, (6, 112)), (100_000, (4, 100_000)), (278_046, (3, 370_728)), (370_728, (3, 370_728))],
)
def test_shape_for_a_number_of_triples(triples, shape):
    assert bucket_shape(triples, 40) == shape


@pytest.mark.parametrize("gates", [2 * BATCH, 4_000_000, 16_000_000, 10**9])
def test_many_batches_stay_below_the_bound(gates):
    """8.1: a session of many batches has at most 8/7 times the error of one, beside 1.25 * 2^-62 + 2^-63 (7, 7.1)."""
    p = parameters_for(2, gates, 256)
    assert p.bucket == 3
    error = Fraction(8, 7) * Fraction(1, 2**3 * p.layer**2) + Fraction(5, 4 * 2**62) + Fraction(1, 2**63)
    assert error < Fraction(1, 2**40)
    assert p.layer < 2 * BATCH


@pytest.mark.parametrize("gates", [0, 1, 1000, 300_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("parties", [2, 3])
def test_shares_fill_blocks(gates, parties):
    p = parameters_for(parties, gates, 256)
    assert p.shares(1) % 128 == 0
    batches = max(1, gates // BATCH)
    assert batches * p.layer >= gates
    assert batches * p.masks >= gates + 256


@pytest.mark.parametrize(
    "fields", [{"rho": 41}, {"w": 32}, {"rho": 64, "w": 64}, {"k": 3}, {"layer": 2}, {"parties": 1}, {"masks": 1}]
)
def test_weak_parameters_are_refused(fields):
    good = {"parties": 2, "rho": 40, "w": 64, "k": 4, "bucket": 6, "layer": 112, "masks": 32}
    Parameters(**good)
    with pytest.raises(PolicyError):
        Parameters(**(good | fields))
