"""AES-128, the hash of section 2.4 and carry-less multiplication, as helpers for use inside kernels.

Two implementations give the same bytes: the instructions of the processor, or bitsliced constant-time code where
they are missing or switched off (``POLYTUNE_PORTABLE_KERNELS=1``). The choice is made when this module is imported.

``hash1(hk_low, hk_high, tweak_low, tweak_high, x)`` and ``hash2(..., x0, x1)`` take uint64 words and V128 blocks;
``hash1x2`` and ``hash2x2`` do the same for two tweaks at once, in about the time of one where there is VAES;
``encrypt_block(schedule, position, block)``, ``expand_into(key, out, position)`` and ``prg_into(schedule, position,
counter, out, start, blocks)`` work on uint64 arrays with positions in words, ``two_streams`` gives two key streams in
registers; ``clmul(left, right, select)`` has the selector of PCLMULQDQ.
"""

from __future__ import annotations

from engine.kernels import NATIVE

if NATIVE:
    from engine.kernels.aes_native import (
        clmul,
        encrypt_block,
        expand_into,
        hash1,
        hash1x2,
        hash2,
        hash2x2,
        prg_into,
        sigma,
        two_streams,
    )
else:
    from engine.kernels.aes_portable import (
        clmul,
        encrypt_block,
        expand_into,
        hash1,
        hash1x2,
        hash2,
        hash2x2,
        prg_into,
        sigma,
        two_streams,
    )

__all__ = [
    "clmul",
    "encrypt_block",
    "expand_into",
    "hash1",
    "hash1x2",
    "hash2",
    "hash2x2",
    "prg_into",
    "sigma",
    "two_streams",
]
