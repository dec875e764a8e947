"""`prefetch(array, index)` inside numba kernels: ask for a cache line before it is needed, without waiting for it."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """The index must be inside the array.  No value, no effect but on time."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, args[0])
        address = builder.bitcast(builder.gep(held.data, [args[1]]), cgutils.voidptr_t)
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, keep_close, data = word(0), word(3), word(1)
        builder.call(ask, [address, read, keep_close, data])
        return context.get_dummy_value()

    return types.void(array, index), build
