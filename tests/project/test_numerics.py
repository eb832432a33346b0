"""What changes bits with the CPU, the threads or the C library stands nowhere on the path of a fit.

ruff's banned-api (pyproject.toml) forbids the names: np.exp, np.dot, np.linalg, scipy.linalg, ... Here is what it can't
see: the operator `@`, methods of arrays, sums of floats, powers, and Python's math functions.
"""

from __future__ import annotations

import ast

import pytest
from tests.project.sources import functions, python_files, short, tree

ROOMS = (
    "core",
    "losses",
    "penalties",
    "statistics",
    "solvers",
    "engines",
    "data",
    "storage",
    "faces",
    "linear_model",
    "cluster",
    "neighbors",
)
FILES = [*python_files(*(f"src/shardlearn/{room}" for room in ROOMS)), *python_files("src/shardlearn/run.py")]

# file::function -> why it is right there
EXCEPTIONS: dict[str, str] = {}

# Correctly rounded, or not arithmetic at all; everything else in `math` is the C library's, whose bits are its own.
EXACT_MATH = {
    *(
        "ceil",
        "copysign",
        "fabs",
        "floor",
        "fma",
        "fmod",
        "frexp",
        "fsum",
        "gcd",
        "inf",
        "isclose",
        "isfinite",
        "isinf",
    ),
    *("isnan", "isqrt", "lcm", "ldexp", "modf", "nan", "nextafter", "pi", "prod", "remainder", "sqrt", "trunc", "ulp"),
}
REDUCTIONS = {"sum", "mean", "var", "std", "trace"}
BLAS = {"dot", "vdot", "inner", "matmul"}


@pytest.mark.parametrize("path", FILES, ids=short)
def test_fits_use_kernels(path) -> None:
    module = tree(path)
    inside = {id(part): name for name, node in functions(module) for part in ast.walk(node)}
    found = []
    for node in ast.walk(module):
        why = _why(node)
        if why and f"{short(path)}::{inside.get(id(node), '')}" not in EXCEPTIONS:
            found.append(f"line {node.lineno}: {why}")
    assert not found, f"{short(path)}: " + "; ".join(found)


def _why(node: ast.AST) -> str | None:
    match node:
        case ast.BinOp(op=ast.MatMult()) | ast.AugAssign(op=ast.MatMult()):
            return "`@` calls BLAS: kernels.matmul, kernels.gemv"
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent) if not _exact_power(base, exponent):
            return "powers are the C library's or NumPy's: multiply, or ldexp for powers of two"
        case ast.Attribute(value=ast.Name(id="math"), attr=name) if name not in EXACT_MATH:
            return f"math.{name} is the C library's: shardlearn.kernels"
        case ast.Call(func=ast.Attribute(value=owner, attr=name), keywords=keywords):
            return _why_call(owner, name, keywords)
    return None


def _why_call(owner: ast.expr, name: str, keywords: list[ast.keyword]) -> str | None:
    if name in BLAS and not (isinstance(owner, ast.Name) and owner.id == "kernels"):
        return f".{name}() calls BLAS: shardlearn.kernels"
    adds = name in {"reduce", "reduceat"} and ast.unparse(owner) in {"np.add", "numpy.add"}
    if (name in REDUCTIONS or adds) and not _integers(keywords):
        return f".{name}() of floats is pairwise: sum in a kernel or the tree; of integers, say dtype=np.int64"
    return None


def _integers(keywords: list[ast.keyword]) -> bool:
    return any(k.arg == "dtype" and "int" in ast.unparse(k.value) for k in keywords)


def _exact_power(base: ast.expr, exponent: ast.expr) -> bool:
    """Squares are one multiplication; powers of two, and of whole numbers, are exact."""
    if all(isinstance(part, ast.Constant) and isinstance(part.value, int) for part in (base, exponent)):
        return True
    square = isinstance(exponent, ast.Constant) and exponent.value == 2
    return square or (isinstance(base, ast.Constant) and base.value in {2})


def test_exceptions_are_needed() -> None:
    for entry in EXCEPTIONS:
        path, _, name = entry.partition("::")
        (file,) = [file for file in FILES if short(file) == path]
        node = dict(functions(tree(file)))[name]
        assert any(_why(part) for part in ast.walk(node)), f"{entry} needs no exception"


@pytest.mark.parametrize(
    "code",
    ["a @ b", "a @= b", "a.dot(b)", "x.sum()", "np.sum(x)", "np.add.reduce(x)", "x ** 0.5", "math.exp(1)", "x.mean()"],
)
def test_it_finds(code: str) -> None:
    assert any(_why(node) for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize("code", ["kernels.dot(a, b)", "x.sum(dtype=np.int64)", "x**2", "2.0**-53", "math.sqrt(2)"])
def test_it_lets_through(code: str) -> None:
    assert not any(_why(node) for node in ast.walk(ast.parse(code)))
