"""Batch shapes and bucket sizes (spec: protocol, sections 5 and 8.1)."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext
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


@pytest.mark.parametrize("rho", [40, 64, 80])
@pytest.mark.parametrize("bucket", range(3, 41))
def test_bound_holds_for_the_sum_over_many_batches(rho, bucket):
    """2^-B L^-(B-1) / (1 - 2^-B) <= 2^-rho, and not for one triple less."""
    layer = minimum_layer(rho, bucket, many=True)
    sums = [Fraction(1, (2**bucket - 1) * size ** (bucket - 1)) for size in (layer, max(1, layer - 1))]
    assert sums[0] <= Fraction(1, 2**rho)
    assert layer == 1 or sums[1] > Fraction(1, 2**rho)


@pytest.mark.parametrize("batch", [1 << 12, 5000, 200_000, BATCH])
@pytest.mark.parametrize("gates", [8192, 560_000, 10**7])
def test_small_batches_keep_the_level_together(gates, batch):
    p = parameters_for(2, gates, 10, batch=batch)
    if gates >= 2 * batch:
        assert Fraction(1, (2**p.bucket - 1) * p.layer ** (p.bucket - 1)) <= Fraction(1, 2**40)


@pytest.mark.parametrize("rho", TABLE)
def test_table_recomputed(rho):
    """The formula of 8.1, 2^((rho - B) / (B - 1)), with 60 decimal digits; the entry that the table rounds is 1.5e9."""
    with localcontext() as context:
        context.prec = 60
        computed = {b: math.ceil(Decimal(2) ** (Decimal(rho - b) / (b - 1))) for b in range(3, 11)}
    assert {b: computed[b] for b in TABLE[rho]} == TABLE[rho]
    assert computed == {b: minimum_layer(rho, b) for b in computed}
    if rho == 64:
        assert f"{computed[3]:.1e}" == "1.5e+09"


@pytest.mark.parametrize("triples", [1, 2, 50, 100, 1000, 5000, 10**5, 278_045, 278_046, 400_000, 10**6])
@pytest.mark.parametrize("rho", [40, 64, 80])
def test_shape_is_the_cheapest_that_is_allowed(triples, rho):
    bucket, layer = bucket_shape(triples, rho)
    assert layer >= triples
    assert Fraction(1, 2**bucket * layer ** (bucket - 1)) <= Fraction(1, 2**rho)
    for b in range(3, 41):
        smallest = max(triples, minimum_layer(rho, b))
        assert bucket * layer <= b * smallest


@pytest.mark.parametrize(("bucket", "layer"), [(2, 2), (2, 3), (2, 4), (3, 2), (3, 3)])
def test_bound_by_enumeration(bucket, layer):
    """All attacks and all shifts of small cases: the best one wins with 2^-B L^-(B-1) exactly, as 8.1 says."""
    sets = [frozenset(i for i in range(layer) if mask >> i & 1) for mask in range(1 << layer)]
    best = Fraction(0)
    for attack in itertools.product(sets, repeat=bucket):
        won = sum(
            any(
                all((a + sh) % layer in layers for layers, sh in zip(attack, (0, *shifts), strict=True))
                for a in attack[0]
            )
            for shifts in itertools.product(range(layer), repeat=bucket - 1)
        )
        survives = Fraction(1, 2 ** sum(len(layers) for layers in attack))
        best = max(best, survives * Fraction(won, layer ** (bucket - 1)))
    assert best == Fraction(1, 2**bucket * layer ** (bucket - 1))


@pytest.mark.parametrize("rho", [40, 64])
def test_errors_of_a_large_session_add_up(rho):
    """All batches together, truncation and the zero test: below 2^-rho with the default shape of large sessions."""
    ands = 20_000_000
    params = parameters_for(2, ands, 256, rho=rho, w=64 if rho == 40 else 128)
    one = Fraction(1, 2**params.bucket * params.layer ** (params.bucket - 1))
    buckets = one / (1 - Fraction(1, 2**params.bucket))
    total = buckets + Fraction(5, 4) / 2 ** (params.w - 2) + Fraction(1, 2**63 if rho == 40 else 2**120)
    assert total < Fraction(1, 2**rho)


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
