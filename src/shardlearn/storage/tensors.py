"""Arrays of any plain dtype to safetensors and back, bit for bit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from shardlearn.core.errors import StorageError
from shardlearn.core.matrix import Array

from .canonical import Json, damaged

NATIVE = frozenset({"<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"})
PLAIN = re.compile(r"[<>|][biufcSUmMV][1-9]\d{0,8}(\[\d{0,9}[A-Za-z]{1,2}\])?")
DIMENSION = 1 << 62


def describe(array: Array) -> dict[str, Json]:
    """What `restore` needs besides the bytes: dtype, shape, and the order when it is Fortran's."""
    dtype = array.dtype
    if dtype.hasobject or dtype.fields or not PLAIN.fullmatch(dtype.str):
        raise StorageError(
            f"An array of dtype {dtype} can't be saved.",
            code="SL5109",
            needed="an array of numbers, strings, dates or plain bytes",
        )
    described: dict[str, Json] = {"dtype": dtype.str, "shape": [int(side) for side in array.shape]}
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        described["order"] = "F"
    return described


def flat(array: Array) -> Array:
    """The array as safetensors can hold it: itself in C order, or its bytes."""
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        array = array.T
    if array.dtype.str in NATIVE:
        return np.ascontiguousarray(array).reshape(array.shape)
    return np.frombuffer(array.tobytes(), np.uint8)


def pack(arrays: Mapping[str, Array]) -> bytes:
    """One safetensors file."""
    return safetensors.numpy.save({name: flat(arrays[name]) for name in sorted(arrays)})


def unpack(data: bytes, where: str) -> dict[str, Array]:
    """The arrays of a safetensors file as it holds them; `restore` gives them their dtype and shape."""
    try:
        return safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise damaged(where, f"no safetensors file ({type(error).__name__})") from None


def restore(held: Array, described: Mapping[str, Json], where: str) -> Array:
    """The array that `describe` and `flat` came from: writable, owning its memory."""
    dtype = _dtype(described, where)
    shape = shape_of(described, held.nbytes // max(dtype.itemsize, 1), where)
    order = described.get("order", "C")
    if order not in ("C", "F") or set(described) - {"dtype", "shape", "order"}:
        raise damaged(where, "an array described in an unknown way", "SL5108")
    stored = shape[::-1] if order == "F" else shape
    native = dtype.str in NATIVE
    right = held.dtype == dtype and held.shape == stored if native else held.dtype == np.uint8 and held.ndim == 1
    if not right or held.nbytes % max(dtype.itemsize, 1):
        raise damaged(where, "an array of another dtype or shape than described", "SL5108")
    _check_bits(held, dtype, where)
    out = held.copy() if native else _from_bytes(held, dtype, stored)
    return out.T if order == "F" else out


def _from_bytes(held: Array, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> Array:
    out = np.empty(shape, dtype)
    out.reshape(-1).view(np.uint8)[:] = held
    return out


def _dtype(described: Mapping[str, Json], where: str) -> np.dtype[np.generic]:
    text = described.get("dtype")
    try:
        if isinstance(text, str) and PLAIN.fullmatch(text) and np.dtype(text).str == text:
            return np.dtype(text)
    except TypeError:
        pass
    raise damaged(where, "an unknown dtype", "SL5108")


def shape_of(described: Mapping[str, Json], size: int, where: str) -> tuple[int, ...]:
    """The shape of that many items."""
    sides = described.get("shape")
    if not isinstance(sides, list) or len(sides) > 32:
        raise damaged(where, "an array without a shape", "SL5108")
    shape = tuple(side for side in sides if type(side) is int and side >= 0)
    if len(shape) != len(sides) or math.prod(shape) != size or math.prod(max(s, 1) for s in shape) > DIMENSION:
        raise damaged(where, "an impossible shape", "SL5108")
    return shape


def _check_bits(held: Array, dtype: np.dtype[np.generic], where: str) -> None:
    """Bit patterns that NumPy itself takes on trust."""
    wrong = False
    if dtype.kind == "b":
        wrong = bool((held.reshape(-1).view(np.uint8) > 1).any())
    elif dtype.kind == "U":
        points = np.frombuffer(held.tobytes(), f"{dtype.str[0]}u4")
        wrong = bool((points > 0x10FFFF).any())
    if wrong:
        raise damaged(where, f"bytes that are no values of dtype {dtype}", "SL5108")
