"""Two processor instructions that numba does not name: counting ones and trailing zeros."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]
def ones(typing_context: Any, byte: Any) -> Any:
    """How many bits of a uint8 are set."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint8(types.uint8), emit


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Zeros below the lowest set bit of a uint32 that is not zero."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return types.uint32(types.uint32), emit
