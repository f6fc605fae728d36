"""Numba kernels: arrays in, arrays out. This package is the only place of the project that imports numba.

``kernel`` compiles a function that Python calls (no GIL, cached on disk); ``inline`` compiles a helper that is
inlined into kernels. Machine code is kept in a directory of its own per processor and per content of the sources, so
that neither another machine nor a changed helper can meet stale code (:mod:`engine.codecache` says where). If there
is no private, writable place, a temporary one is used, and at the worst nothing is cached: the import never fails.
:mod:`engine.kernels.warm` compiles everything ahead.

``NATIVE`` tells whether the AES and carry-less multiplication instructions are used; ``POLYTUNE_PORTABLE_KERNELS=1``
switches them off. LLVM ends the process when it meets an instruction that the processor lacks, therefore the choice
is made here, before anything is compiled.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from llvmlite import binding as llvm
from numba.core import config

from engine import codecache
from engine.kernels.signatures import SIGNATURES

__all__ = ["FEATURES", "KERNELS", "NATIVE", "cache_base", "cache_directory", "inline", "kernel", "shared"]

#: Every kernel of this package that is imported, by ``module.function``.
KERNELS: dict[str, Any] = {}

_settings: Any = config
_DECORATING = threading.Lock()

_ROOM = Path(__file__).resolve().parent
_IMPORT = re.compile(
    r"^\s*(?:from engine\.kernels(?:\.(\w+))? import (\([^)]*\)|.*)|import engine\.kernels\.(\w+))", re.M
)


def _cpu_features() -> frozenset[str]:
    """Names of the instruction sets that numba compiles for (its NUMBA_CPU_FEATURES wins over the processor)."""
    forced = os.environ.get("NUMBA_CPU_FEATURES")
    if forced is not None:
        names = [part.strip() for part in forced.split(",")]
        return frozenset(name[1:] for name in names if name.startswith("+"))
    try:
        return frozenset(name for name, there in llvm.get_host_cpu_features().items() if there)
    except RuntimeError:  # LLVM does not know this processor
        return frozenset()


FEATURES = _cpu_features()
NATIVE = (
    platform.machine().lower() in {"x86_64", "amd64"}
    and {"aes", "pclmul", "ssse3"} <= FEATURES
    and os.environ.get("POLYTUNE_PORTABLE_KERNELS", "") in {"", "0"}
)


def _machine_identity() -> bytes:
    """Everything but our sources that changes the machine code."""
    parts = [
        platform.machine(),
        platform.python_version(),
        numba.__version__,
        llvmlite.__version__,
        os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name(),
        ",".join(sorted(FEATURES)),
        f"native={NATIVE}",
    ]
    return "\n".join(parts).encode()


@lru_cache(maxsize=1)
def cache_base() -> tuple[Path | None, bool]:
    """Directory of this processor's machine code, and whether it outlives the process.

    (None, False) if there is not even a temporary one.
    """
    name = "kernels-" + hashlib.sha256(_machine_identity()).hexdigest()[:16]
    for candidate in codecache.candidates():
        if codecache.is_private(candidate / name):
            return candidate / name, True
    try:
        private = tempfile.mkdtemp(prefix="polytune-kernels-")
    except OSError:
        return None, False
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    # The same layout, so that a process that is given POLYTUNE_CACHE_DIR finds it.
    return (Path(private) / name, False) if codecache.is_private(Path(private) / name) else (None, False)


@cache
def _source(module: str) -> tuple[bytes, frozenset[str]]:
    """Source of one module of this package and the names of the modules of the package it imports."""
    path = _ROOM / f"{module}.py"
    try:
        source = path.read_bytes()
    except OSError:
        return b"", frozenset()
    found: set[str] = set()
    for inner, names, plain in _IMPORT.findall(source.decode("utf-8", "replace")):
        if inner or plain:
            found.add(inner or plain)
        else:
            found.update(re.findall(r"\w+", names))
    return source, frozenset(found)


def cache_directory(file: str) -> Path | None:
    """Directory for the machine code of the kernels in ``file``; None if nothing can be cached.

    Its name holds a digest of the file's source and of everything it imports from this package, directly or not:
    numba itself looks only at the file, and would go on using code with the old text of an inlined helper.
    """
    base, _ = cache_base()
    if base is None:
        return None
    path = Path(file).resolve()
    digest = hashlib.sha256((_ROOM / "__init__.py").read_bytes() + path.read_bytes())
    waiting = {path.stem} if path.parent == _ROOM else {"simd", "aes"}
    done: set[str] = set()
    while waiting:
        module = waiting.pop()
        done.add(module)
        waiting |= _source(module)[1] - done
    for module in sorted(done):
        digest.update(_source(module)[0])
    return base / f"{path.stem}-{digest.hexdigest()[:16]}"


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    try:
        directory = cache_directory(function.__code__.co_filename)
    except OSError:
        directory = None
    if directory is None:
        return numba.njit(**options)(function)
    with _DECORATING:
        previous = _settings.CACHE_DIR
        _settings.CACHE_DIR = str(directory)  # read by numba at decoration only
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # numba found no place for a cache
            return numba.njit(**options)(function)
        finally:
            _settings.CACHE_DIR = previous


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls. Arguments must always have the same types: one signature per kernel.

    It stands in :mod:`engine.kernels.signatures`.
    """
    compiled = _compile(function, nogil=True, error_model="numpy", no_cfunc_wrapper=True)
    package, _, module = function.__module__.rpartition(".")
    if package == __name__:
        name = f"{module}.{function.__name__}"
        if len(SIGNATURES.get(name, "").split()) != function.__code__.co_argcount:
            raise TypeError(f"engine/kernels/signatures.py has no type for each argument of the kernel {name}")
        KERNELS[name] = compiled
    return compiled


#: Nobody calls helpers from Python: entry points for that would only cost time to compile.
_HELPER: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inline(function: Callable[..., Any]) -> Any:
    """Compile a helper that is inlined into kernels."""
    return numba.njit(forceinline=True, **_HELPER)(function)


def shared(function: Callable[..., Any]) -> Any:
    """Compile a large helper that kernels call without inlining it."""
    return numba.njit(nogil=True, **_HELPER)(function)
