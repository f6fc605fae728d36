"""Every choice of instructions gives the same bytes; each is forced in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from engine.kernels import NATIVE
from tests.kernels import probe
from tests.kernels.test_cache import ROOT

SWITCHED_OFF = {"POLYTUNE_PORTABLE_KERNELS": "1"}
NO_AES = {"NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": "+ssse3,+sse4.2"}
NO_WIDE_AES = {"NUMBA_CPU_NAME": "westmere", "NUMBA_CPU_FEATURES": "+ssse3,+sse4.2,+aes,+pclmul"}
needs_aes = pytest.mark.skipif(not NATIVE, reason="this processor has no AES instructions")


@pytest.mark.parametrize(
    ("environment", "native"),
    [
        pytest.param(SWITCHED_OFF, False, id="switched off"),
        pytest.param(NO_AES, False, id="processor without AES", marks=needs_aes),
        pytest.param(NO_WIDE_AES, True, id="processor without wide AES", marks=needs_aes),
    ],
)
def test_same_bytes(environment, native):
    merged = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    result = subprocess.run(
        [sys.executable, "-m", "tests.kernels.probe"],
        env=merged,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    found = json.loads(result.stdout)
    assert found.pop("native") is native
    assert found == probe.digests()
