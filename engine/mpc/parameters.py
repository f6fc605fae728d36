"""Parameters of a session: security level, batch shape, bucket size (spec: protocol, sections 1, 5, 8.1)."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import PolicyError

#: Triples of a default batch; larger jobs are cut into batches of this size or a little more. With rho = 40 and buckets
#: of three, L >= 396,331 keeps the error of any number of batches below 2^-40 (section 8.1: 8/7 of that of one batch),
#: and the memory of a run goes with L.
BATCH = 400_000
#: AND gates of a segment of the garbled circuit: rows, masks and labels of one or two segments are in memory at a time.
SEGMENT = 1 << 17
KEY_CHECK_SHARES = 128
#: Largest batches whose corrections are hashed for their challenge instead of waiting for a coin (6.2, fs = 1).
FIAT_SHAMIR_SHARES = 1 << 21


def minimum_layer(rho: int, bucket: int, *, many: bool = False) -> int:
    """Smallest L with L^(B-1) >= 2^(rho-B): inequality (3) of section 8.1, in exact integers.

    ``many``: with the factor 1/(1 - 2^-B) for the sum over any number of batches of a session.
    """
    survival = (1 << bucket) - many
    low, high = 1, 1 << max(1, 1 - (bucket - rho) // (bucket - 1))
    while low < high:
        middle = (low + high) // 2
        if middle ** (bucket - 1) * survival >= 1 << rho:
            high = middle
        else:
            low = middle + 1
    return low


def bucket_shape(triples: int, rho: int, *, many: bool = False) -> tuple[int, int]:
    """(B, L) with the smallest B*L that gives at least ``triples`` triples at 2^-rho (section 8.1).

    ``many``: in each of several batches, 2^-rho for all of them together.
    """
    shapes = [(b, max(triples, minimum_layer(rho, b, many=many))) for b in range(3, 41)]
    return min(shapes, key=lambda shape: shape[0] * shape[1])


@dataclass(frozen=True)
class Parameters:
    """What all parties of a session must have equal; the hash of it opens HELLO (section 4.1).

    ``layer`` is L (triples per batch), ``bucket`` B, ``masks`` mw (wire masks per batch), ``fiat_shamir`` fs.
    """

    parties: int
    rho: int
    w: int
    k: int
    bucket: int
    layer: int
    masks: int
    fiat_shamir: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.parties <= 255:
            raise PolicyError(f"the protocol is for 2 to 255 parties, not {self.parties}")
        if self.rho not in (40, 64, 80):
            raise PolicyError(f"security.rho: {self.rho} is not offered (40, 64 or 80)")
        if self.w not in (64, 128) or self.w < self.rho + 6:
            raise PolicyError(f"security.w: {self.w} is too small for rho = {self.rho}", hint="use w = 128")
        if self.k not in (1, 2, 4, 8):
            raise PolicyError(f"security.k: {self.k} is not offered (1, 2, 4 or 8)")
        if self.fiat_shamir and self.parties != 2:
            raise PolicyError("the Fiat-Shamir challenge is for two parties only")
        if self.layer < minimum_layer(self.rho, self.bucket):
            raise PolicyError(f"batches of {self.layer} triples are too small for buckets of {self.bucket}")
        if (self.total_triples * 3 + self.masks) % 128:
            raise PolicyError("the shares of a batch must fill whole blocks")

    @property
    def trees(self) -> int:
        """T: number of GGM trees of a pair."""
        return 128 // self.k

    @property
    def leaves(self) -> int:
        """q: leaves of a tree."""
        return 1 << self.k

    @property
    def words(self) -> int:
        """64-bit words kept of each block in the leaky AND."""
        return self.w // 64

    @property
    def total_triples(self) -> int:
        """N = B * L: leaky triples of a batch."""
        return self.bucket * self.layer

    @property
    def zero_test_shares(self) -> int:
        """z of section 6."""
        return 128 if self.parties == 2 else 384

    def shares(self, batch: int) -> int:
        """ell: authenticated shares of a batch (batch 0 serves the check of 4.6 only)."""
        if batch == 0:
            return KEY_CHECK_SHARES
        return 3 * self.total_triples + self.masks + self.zero_test_shares

    def blocks(self, batch: int) -> int:
        """nb: data blocks per stream, without the sacrificial one."""
        return self.shares(batch) // 128

    def stream_offset(self, batch: int) -> int:
        """off(c): first counter of the batch in every stream."""
        return 0 if batch == 0 else 2 + (batch - 1) * (self.blocks(1) + 1)


def parameters_for(
    parties: int,
    and_gates: int,
    inputs: int,
    *,
    rho: int = 40,
    w: int = 64,
    k: int = 4,
    fiat_shamir: int | None = None,
    batch: int = BATCH,
) -> Parameters:
    """The shape of a session that serves one job of ``and_gates`` AND gates and ``inputs`` input wires (section 5).

    ``fiat_shamir`` None: for two parties and batches so small that a flight costs more than hashing the corrections.
    """
    batches = max(1, and_gates // batch)
    bucket, layer = bucket_shape(-(-and_gates // batches), rho, many=batches > 1)
    masks = -(-(and_gates + inputs) // batches)
    masks += -(3 * bucket * layer + masks) % 128
    shares = 3 * bucket * layer + masks
    fs = int(parties == 2 and shares <= FIAT_SHAMIR_SHARES) if fiat_shamir is None else fiat_shamir
    return Parameters(parties, rho, w, k, bucket, layer, masks, fs)
