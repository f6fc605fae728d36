"""No branch and no address of a kernel depends on a secret: shown on the code that LLVM makes of it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from numba import types

import engine.kernels
from engine.kernels import KERNELS, inline
from engine.kernels.simd import hidden
from tests.kernels.taint import compile_fresh, leaks
from tests.kernels.test_cache import ROOT

for _module in pkgutil.iter_modules(engine.kernels.__path__):
    importlib.import_module(f"engine.kernels.{_module.name}")

#: Arguments that hold nothing secret: what the circuit says, and numbers that all parties draw together. Everything
#: else counts as secret, 64-bit words too (``i64`` arguments are sizes and positions).
PUBLIC = {
    "garbling.walk_masks": "gates",
    "garbling.walk_garble": "gates",
    "garbling.walk_evaluate": "gates",
    "garbling.walk_values": "gates",
    "triples.sum_layers": "shifts",
    "triples.combine": "shifts",
}
#: Circuits are public; plain evaluation of one sees no secret of a run.
SECRET = sorted(name for name in KERNELS if not name.startswith("circuit_"))
WORDS, LENGTH = types.Array(types.uint64, 1, "C"), types.int64


@pytest.mark.parametrize("name", SECRET)
def test_kernel(name):
    dispatcher = compile_fresh(name, KERNELS[name].py_func)
    assert leaks(dispatcher, frozenset(PUBLIC.get(name, "").split())) == []


@pytest.mark.long
def test_portable_kernels_too():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLYTUNE_PORTABLE_KERNELS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "test_kernel"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{len(SECRET)} passed" in done.stdout or "[100%]" in done.stdout


# -- what the test would find ----------------------------------------------------------------------------------------


def branch(words, out, n):
    for i in range(n):
        if words[i] & np.uint64(1):
            out[i] = out[i] * np.uint64(3) + np.uint64(i)
            out[0] += np.uint64(1)


def early_end(words, out, n):
    for i in range(n):
        if words[i] != out[i]:
            return i
    return n


def table(words, out, n):
    for i in range(n):
        out[i] = out[words[i] & np.uint64(15)]


def table_after_a_copy(words, out, n):
    scratch = np.empty(n, dtype=np.uint64)
    for i in range(n):
        scratch[i] = words[n - 1 - i] ^ np.uint64(5)
    for i in range(n):
        out[i] = out[scratch[i] & np.uint64(15)]


def written_place(words, out, n):
    for i in range(n):
        out[words[i] & np.uint64(15)] = np.uint64(i)


def division(words, out, n):
    for i in range(n):
        out[i] = out[i] // (words[i] | np.uint64(1))


def size(words, out, n):
    scratch = np.zeros(np.int64(words[0] & np.uint64(1023)) + n, dtype=np.uint64)
    out[0] = scratch[n] + np.uint64(len(scratch))


def choice(words, out, n):
    for i in range(n):
        out[i] ^= (np.uint64(0) - (words[i] & np.uint64(1))) & out[i + n]


@inline
def _position(word):
    return np.int64(word & np.uint64(7))


def table_through_a_helper(words, out, n):
    for i in range(n):
        out[i] = out[_position(words[i])]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (branch, "branch"),
        (early_end, "branch"),
        (table, "address"),
        (table_after_a_copy, "address"),
        (table_through_a_helper, "address"),
        (written_place, "address"),
        (division, "division"),
        (size, "size"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_leaks_are_found(function, kind):
    dispatcher = compile_fresh("", function, (WORDS, WORDS, LENGTH))
    found = leaks(dispatcher, frozenset({"out"}))
    assert any(kind in text for text in found), found


def test_choice_is_found_and_hidden_prevents_it():
    def masked(words, out, n):
        for i in range(n):
            out[i] ^= (np.uint64(0) - hidden(words[i] & np.uint64(1))) & out[i + n]

    plain = leaks(compile_fresh("", choice, (WORDS, WORDS, LENGTH)), frozenset())
    assert all(text.startswith("choice") for text in plain)
    assert leaks(compile_fresh("", masked, (WORDS, WORDS, LENGTH)), frozenset()) == []


def test_public_arguments_may_decide():
    """The same table look-up is fine where the position is public: only the contents are secret."""
    dispatcher = compile_fresh("", table, (WORDS, WORDS, LENGTH))
    assert leaks(dispatcher, frozenset({"words"})) == []
    assert leaks(dispatcher, frozenset({"out"})) != []
