"""Vector types for use inside kernels: two, four or eight 64-bit lanes in one register.

A value of type V128, V256 or V512 lives only inside compiled code. Blocks of 16 bytes are lanes 0 (bits 0..63) and
1 (bits 64..127) of a V128. The operators ``^ & | +`` work lane by lane on equal types, ``^ & |`` also with an integer
on the right (used in every lane), ``<< >>`` by a constant or a scalar. All of it is plain LLVM vector code and
compiles on every processor.

Loads and stores take a C-contiguous array of uint64 of any dimension and an index that counts uint64 words from its
start. They check nothing: the caller guarantees the range.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.extending import intrinsic, lower_builtin, register_model, type_callable
from numba.np.arrayobj import make_array

from engine.kernels import FEATURES, NATIVE

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


class Lanes(types.Type):
    """Numba type of a vector of ``count`` lanes of 64 bits."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Lanes{count}x64")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(_I64, fe_type.count))


V128, V256, V512 = Lanes(2), Lanes(4), Lanes(8)
_ALL = (V128, V256, V512)

if NATIVE and {"vaes", "vpclmulqdq", "avx512f", "avx512bw", "avx512vl"} <= FEATURES:
    WIDE = V512
elif NATIVE and {"vaes", "vpclmulqdq", "avx2"} <= FEATURES:
    WIDE = V256
elif not NATIVE and "avx512f" in FEATURES:
    WIDE = V512
elif not NATIVE and "avx2" in FEATURES:
    WIDE = V256
else:
    WIDE = V128
WIDE_WORDS = WIDE.count
WIDE_BLOCKS = WIDE.count // 2


def _index_type(array, index):
    """Type the arguments of a load or store; rejects everything but C-contiguous uint64 and integer indices."""
    good = isinstance(array, types.Array) and array.layout == "C" and array.dtype == types.uint64
    if not good or not isinstance(index, types.Integer):
        raise TypingError("vector access needs a C-contiguous uint64 array and an integer index")
    return types.uint64 if index == types.uint64 else types.intp


def _pointer(context, builder, array_type, array, index, count):
    data = make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(_I64, count).as_pointer())


def _make_load(vector):
    @intrinsic
    def load(typing_context, array, index):
        def generate(context, builder, signature, args):
            pointer = _pointer(context, builder, signature.args[0], args[0], args[1], vector.count)
            value = builder.load(pointer)
            value.align = 8
            return value

        return vector(array, _index_type(array, index)), generate

    return load


def _make_store(vector):
    @intrinsic
    def store(typing_context, array, index, value):
        if value != vector:
            raise TypingError(f"store of {value} where {vector} is due")

        def generate(context, builder, signature, args):
            pointer = _pointer(context, builder, signature.args[0], args[0], args[1], vector.count)
            builder.store(args[2], pointer).align = 8
            return context.get_dummy_value()

        return types.void(array, _index_type(array, index), vector), generate

    return store


load128, load256, load512 = _make_load(V128), _make_load(V256), _make_load(V512)
store128, store256, store512 = _make_store(V128), _make_store(V256), _make_store(V512)
load_wide, store_wide = _make_load(WIDE), _make_store(WIDE)


def splat_constant(vector_type, value):
    """LLVM constant with ``value`` in every lane."""
    return ir.Constant(vector_type, [value] * vector_type.count)


def splat_scalar(builder, vector_type, scalar):
    """LLVM vector with the scalar value in every lane."""
    seed = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(_I32, 0))
    zeros = ir.Constant(ir.VectorType(_I32, vector_type.count), [0] * vector_type.count)
    return builder.shuffle_vector(seed, seed, zeros)


def _register_operator(op, inplace, method, scalar_only=False, with_scalar=True):
    """Give vectors the operator ``op`` (and its in-place form): lane by lane, or with an integer in every lane."""

    def typer_of(context):
        def typer(left, right):
            if not isinstance(left, Lanes):
                return None
            if left == right and not scalar_only:
                return left
            if isinstance(right, types.Integer) and with_scalar:
                return left
            return None

        return typer

    def both(context, builder, signature, args):
        return getattr(builder, method)(*args)

    def scalar(context, builder, signature, args):
        word = context.cast(builder, args[1], signature.args[1], types.uint64)
        return getattr(builder, method)(args[0], splat_scalar(builder, args[0].type, word))

    for name in (op, inplace):
        type_callable(name)(typer_of)
        for vector in _ALL:
            if not scalar_only:
                lower_builtin(name, vector, vector)(both)
            if with_scalar:
                lower_builtin(name, vector, types.Integer)(scalar)


_register_operator(operator.xor, operator.ixor, "xor")
_register_operator(operator.and_, operator.iand, "and_")
_register_operator(operator.or_, operator.ior, "or_")
_register_operator(operator.add, operator.iadd, "add", with_scalar=False)
_register_operator(operator.lshift, operator.ilshift, "shl", scalar_only=True)
_register_operator(operator.rshift, operator.irshift, "lshr", scalar_only=True)


@intrinsic
def set128(typing_context, low, high):
    """Block with bits 0..63 from ``low`` and bits 64..127 from ``high``."""

    def generate(context, builder, signature, args):
        value = ir.Constant(ir.VectorType(_I64, 2), ir.Undefined)
        value = builder.insert_element(value, args[0], ir.Constant(_I32, 0))
        return builder.insert_element(value, args[1], ir.Constant(_I32, 1))

    return V128(types.uint64, types.uint64), generate


@intrinsic
def mask128(typing_context, bit):
    """All ones if ``bit`` is 1, all zeros if it is 0, without a branch."""

    def generate(context, builder, signature, args):
        return splat_scalar(builder, ir.VectorType(_I64, 2), builder.neg(args[0]))

    return V128(types.uint64), generate


@intrinsic
def load_masks(typing_context, bits, index):
    """WIDE vector from the bytes at ``index`` .. of a uint8 array: a block of ones for each 1, of zeros for each 0."""
    good = isinstance(bits, types.Array) and bits.layout == "C" and bits.dtype == types.uint8
    if not good or not isinstance(index, types.Integer):
        raise TypingError("masks come from a C-contiguous uint8 array and an integer index")

    def generate(context, builder, signature, args):
        blocks = WIDE.count // 2
        data = make_array(signature.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.VectorType(_I8, blocks).as_pointer())
        found = builder.load(pointer)
        found.align = 1
        words = builder.zext(found, ir.VectorType(_I64, blocks))
        masks = builder.sub(ir.Constant(words.type, None), words)
        order = ir.Constant(ir.VectorType(_I32, WIDE.count), [lane // 2 for lane in range(WIDE.count)])
        return builder.shuffle_vector(masks, masks, order)

    return WIDE(bits, types.intp), generate


@intrinsic
def hidden(typing_context, word):
    """The uint64 itself, about which the compiler knows nothing: it cannot turn arithmetic on a secret bit into a
    choice, which might become a branch."""

    def generate(context, builder, signature, args):
        return builder.asm(ir.FunctionType(_I64, [_I64]), "", "=r,0", args, False)

    return types.uint64(types.uint64), generate


def _make_zero(vector):
    @intrinsic
    def zero(typing_context):
        def generate(context, builder, signature, args):
            return ir.Constant(ir.VectorType(_I64, vector.count), None)

        return vector(), generate

    return zero


zero128, zero256, zero512, zero_wide = (_make_zero(v) for v in (V128, V256, V512, WIDE))


def _make_broadcast(vector, name):
    """Intrinsic that fills ``vector`` with an integer (``splat``)."""

    @intrinsic
    def splat(typing_context, word):
        def generate(context, builder, signature, args):
            return splat_scalar(builder, ir.VectorType(_I64, vector.count), args[0])

        return vector(types.uint64), generate

    return splat


splat128, splat256, splat512, splat_wide = (_make_broadcast(v, "splat") for v in (V128, V256, V512, WIDE))


@intrinsic
def lane(typing_context, vector, index):
    """Lane ``index`` of a vector as uint64."""
    if not isinstance(vector, Lanes):
        raise TypingError("lane() of something that is not a vector")

    def generate(context, builder, signature, args):
        return builder.extract_element(args[0], builder.trunc(args[1], _I32))

    return types.uint64(vector, types.intp), generate


def shuffle_lanes(pattern):
    """Intrinsic that applies ``pattern(count)`` (source lane of each lane; ``count`` and more mean zero)."""

    @intrinsic
    def shuffle(typing_context, vector):
        def generate(context, builder, signature, args):
            count = args[0].type.count
            order = ir.Constant(ir.VectorType(_I32, count), pattern(count))
            return builder.shuffle_vector(args[0], ir.Constant(args[0].type, None), order)

        return vector(vector), generate

    return shuffle


# Per 128-bit block: exchange the halves; move the low half up; move the high half down (zeros come in).
swap_halves = shuffle_lanes(lambda count: [i ^ 1 for i in range(count)])
half_up = shuffle_lanes(lambda count: [count if i % 2 == 0 else i - 1 for i in range(count)])
half_down = shuffle_lanes(lambda count: [i + 1 if i % 2 == 0 else count for i in range(count)])


# The high half of each block in its place, zero below.
high_only = shuffle_lanes(lambda count: [count if i % 2 == 0 else i for i in range(count)])


def shuffle_two(pattern):
    """Intrinsic of two vectors; ``pattern(count)`` counts the lanes of the second from ``count``."""

    @intrinsic
    def shuffle(typing_context, left, right):
        def generate(context, builder, signature, args):
            count = args[0].type.count
            order = ir.Constant(ir.VectorType(_I32, count), pattern(count))
            return builder.shuffle_vector(args[0], args[1], order)

        return left(left, right), generate

    return shuffle


# Low halves of the blocks of two vectors side by side, and the high halves.
low_halves = shuffle_two(lambda count: [i if i % 2 == 0 else count + i - 1 for i in range(count)])
high_halves = shuffle_two(lambda count: [i + 1 if i % 2 == 0 else count + i for i in range(count)])


@intrinsic
def broadcast_wide(typing_context, block):
    """The same block in every 128-bit part of a WIDE vector."""

    def generate(context, builder, signature, args):
        order = ir.Constant(ir.VectorType(_I32, WIDE.count), [0, 1] * (WIDE.count // 2))
        return builder.shuffle_vector(args[0], args[0], order)

    return WIDE(V128), generate


@intrinsic
def block_of(typing_context, vector, index):
    """128-bit part ``index`` (a literal or scalar) of a vector."""

    def generate(context, builder, signature, args):
        first = builder.trunc(builder.shl(args[1], ir.Constant(_I64, 1)), _I32)
        value = ir.Constant(ir.VectorType(_I64, 2), ir.Undefined)
        for offset in (0, 1):
            position = builder.add(first, ir.Constant(_I32, offset))
            value = builder.insert_element(value, builder.extract_element(args[0], position), ir.Constant(_I32, offset))
        return value

    return V128(vector, types.intp), generate


@intrinsic
def splat_like(typing_context, vector, word):
    """A vector of the type of ``vector`` with ``word`` in every lane."""

    def generate(context, builder, signature, args):
        return splat_scalar(builder, args[0].type, args[1])

    return vector(vector, types.uint64), generate


@intrinsic
def join128(typing_context, low, high):
    """Two blocks side by side in a V256."""

    def generate(context, builder, signature, args):
        order = ir.Constant(ir.VectorType(_I32, 4), [0, 1, 2, 3])
        return builder.shuffle_vector(args[0], args[1], order)

    return V256(V128, V128), generate


def _make_part(first):
    @intrinsic
    def part(typing_context, vector):
        def generate(context, builder, signature, args):
            order = ir.Constant(ir.VectorType(_I32, 2), [first, first + 1])
            return builder.shuffle_vector(args[0], args[0], order)

        return V128(V256), generate

    return part


low128, high128 = _make_part(0), _make_part(2)


@intrinsic
def counters_wide(typing_context, start):
    """WIDE vector of the blocks start, start + 1, ... (little-endian counters below 2^64)."""

    def generate(context, builder, signature, args):
        vector_type = ir.VectorType(_I64, WIDE.count)
        even = [0xFFFFFFFFFFFFFFFF if i % 2 == 0 else 0 for i in range(WIDE.count)]
        steps = [i // 2 if i % 2 == 0 else 0 for i in range(WIDE.count)]
        spread = builder.and_(splat_scalar(builder, vector_type, args[0]), ir.Constant(vector_type, even))
        return builder.add(spread, ir.Constant(vector_type, steps))

    return WIDE(types.uint64), generate


@intrinsic
def sequence_wide(typing_context, start):
    """WIDE vector with the lanes start, start + 1, ..."""

    def generate(context, builder, signature, args):
        vector_type = ir.VectorType(_I64, WIDE.count)
        return builder.add(
            splat_scalar(builder, vector_type, args[0]), ir.Constant(vector_type, list(range(WIDE.count)))
        )

    return WIDE(types.uint64), generate


@intrinsic
def reverse_bits(typing_context, word):
    """Bit i of a uint64 becomes bit 63 - i."""

    def generate(context, builder, signature, args):
        return call_llvm(builder, "llvm.bitreverse.i64", _I64, args)

    return types.uint64(types.uint64), generate


def call_llvm(builder, name, result, arguments):
    """Call the LLVM function ``name`` (an intrinsic of the back end)."""
    function_type = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)
