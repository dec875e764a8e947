"""Exact arithmetic of the state: squares in 128 bits, a deviation rounded once, a logarithm that is the same everywhere.

Everything is built from whole numbers and IEEE add, multiply and divide, so every machine gets the same bits.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dandelion.indicators.bits import as_float, bits_float, float_bits, tail

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
ENTROPY_SUM_MAX = 1 << 57
_PART = 4294967296.0  # what is behind the point of s ln s is kept in 2**-32
_GRAIN = 16777216.0  # entropy is given in steps of 2**-24 nats
_ROOT_HALF = 0.7071067811865476
_LN2 = 0.6931471805599453
_MANTISSA, _MANTISSA_BITS, _HALF_EXPONENT = (1 << 52) - 1, 52, 1022  # of a float64
AT_ONCE = 64  # logarithms that are worked out side by side
_DOWN = np.array([2.0**-shift for shift in range(64)])


@njit(cache=True, nogil=True, error_model="numpy")
def add_square(high, low, value):  # type: ignore[no-untyped-def]
    """(high, low) + value**2 over 128 bits, from four products of 32-bit halves."""
    size = np.uint64(-value) if value < 0 else np.uint64(value)
    a, b = size >> _HALF, size & _LOW
    cross, small = a * b, b * b
    part = (cross << np.uint64(33)) + small
    carry = (cross >> np.uint64(31)) + (_ONE if part < small else _ZERO)
    total = low + part
    if total < part:
        carry += _ONE
    return high + a * a + carry, total


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(a, b):  # type: ignore[no-untyped-def]
    """(high, low) of the product of two uint64."""
    a1, a0, b1, b0 = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    low = a0 * b0
    middle = a1 * b0 + (low >> _HALF)
    other = a0 * b1 + (middle & _LOW)
    return a1 * b1 + (middle >> _HALF) + (other >> _HALF), (other << _HALF) | (low & _LOW)


@njit(cache=True, nogil=True, error_model="numpy")
def deviation(n, total, squares_high, squares_low):  # type: ignore[no-untyped-def]
    """Population standard deviation: the root of (n * squares - total**2) over n, exact up to the root."""
    if n == 0:
        return np.nan
    count = np.uint64(n)
    carry, x0 = multiply(count, squares_low)
    x2, x1 = multiply(count, squares_high)
    x1 += carry
    if x1 < carry:
        x2 += _ONE
    t1, t0 = add_square(_ZERO, _ZERO, total)
    borrow = _ONE if x0 < t0 else _ZERO
    x0 -= t0
    taken = t1 + borrow
    if x1 < taken:
        x2 -= _ONE
    x1 -= taken
    return math.sqrt(_as_float(x2, x1, x0)) / float(n)


@njit(cache=True, nogil=True, error_model="numpy")
def _as_float(x2, x1, x0):  # type: ignore[no-untyped-def]
    """192 bits to the nearest float64, ties to even: the top 64 bits, with what falls off kept as one sticky bit."""
    scale = 1.0
    if x2:
        top, below, rest, scale = x2, x1, x0, 2.0**128
    elif x1:
        top, below, rest, scale = x1, x0, _ZERO, 2.0**64
    else:
        return float(x0)
    shift = _ZERO
    while not (top << shift) >> np.uint64(63):
        shift += _ONE
    if shift:
        back = np.uint64(64) - shift
        top = (top << shift) | (below >> back)
        below <<= shift
    if below or rest:
        top |= _ONE
    return float(top) * (scale * _DOWN[shift])


# 1 / odd, written out so that none of them is divided again for every number
_C3, _C5, _C7, _C9, _C11, _C13 = 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13
_C15, _C17, _C19, _C21, _C23 = 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23


@njit(cache=True, nogil=True, error_model="numpy")
def logarithm(whole):  # type: ignore[no-untyped-def]
    """Natural logarithm of a whole number above zero, by a series of odd powers."""
    return _logarithm(float(whole))


@njit(cache=True, nogil=True, error_model="numpy")
def _logarithm(number):  # type: ignore[no-untyped-def]
    bits = float_bits(number)
    power = (bits >> _MANTISSA_BITS) - _HALF_EXPONENT
    part = bits_float((bits & _MANTISSA) | (_HALF_EXPONENT << _MANTISSA_BITS))  # at least a half and below 1
    small = part < _ROOT_HALF
    part = part * 2.0 if small else part
    power = as_float(power - np.int64(small))
    z = (part - 1.0) / (part + 1.0)
    x = z * z
    total = ((((_C23 * x + _C21) * x + _C19) * x + _C17) * x + _C15) * x + _C13
    total = (((((total * x + _C11) * x + _C9) * x + _C7) * x + _C5) * x + _C3) * x + 1.0
    return power * _LN2 + 2.0 * z * total


@njit(cache=True, nogil=True, error_model="numpy")
def times_log(whole):  # type: ignore[no-untyped-def]
    """s ln s as (whole part, part in 2**-32), so that sums of it do not depend on their order."""
    product = whole * logarithm(whole)
    floor = math.floor(product)
    return np.int64(floor), np.int64(math.floor((product - floor) * _PART))


@njit(cache=True, nogil=True, error_model="numpy")
def times_logs(count, sums, wholes, parts):  # type: ignore[no-untyped-def]
    """`times_log` of many sums below 2**57, those of 0 too, in steps that processors do for several at a time."""
    product, floor = np.empty(AT_ONCE, np.float64), np.empty(AT_ONCE, np.float64)
    for first in range(0, count, AT_ONCE):
        some = min(AT_ONCE, count - first)
        of, whole, part = tail(sums, first), tail(wholes, first), tail(parts, first)
        for j in range(some):
            product[j] = as_float(of[j]) * _logarithm(as_float(max(of[j], 1)))
        for j in range(some):
            floor[j] = np.floor(product[j])
            product[j] = np.floor((product[j] - floor[j]) * _PART)
        for j in range(some):
            whole[j], part[j] = np.int64(floor[j]), np.int64(product[j])


@njit(cache=True, nogil=True, error_model="numpy")
def entropy(total, whole, part):  # type: ignore[no-untyped-def]
    """ln S - (sum of s ln s) / S in nats, in steps of 2**-24; NaN where S is 0 or beyond 2**57."""
    if total <= 0 or total >= ENTROPY_SUM_MAX:
        return np.nan
    found = logarithm(total) - (float(whole) + float(part) / _PART) / float(total)
    return max(0.0, math.floor(found * _GRAIN + 0.5) / _GRAIN)
