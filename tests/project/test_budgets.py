"""Files, functions and signatures stay small."""

from __future__ import annotations

import ast

import pytest
from tests.project.sources import ROOT, functions, python_files, short, tree

FILE, BODY, TELL, PARAMETERS = 400, 40, 60, 6
WIDE = (  # signatures that are what they are
    "src/shardlearn/linear_model/",  # scikit-learn's
    "src/shardlearn/cluster/",
    "src/shardlearn/neighbors/",
    "src/shardlearn/faces/",
    "src/shardlearn/kernels/",  # native code takes its arrays one by one
)

# file, or file::function -> why it may be larger
EXCEPTIONS = {
    "src/shardlearn/data/opening.py::open_source": "shardlearn.read: what people say of a table, by keyword",
    "src/shardlearn/core/errors.py::_rebuild": "unpickling hands an error's six fields over, and its class",
    "src/shardlearn/engines/context.py::engine": "what people say of an engine, by keyword",
    "src/shardlearn/engines/context.py::set_engine": "the same, for the whole process",
    "src/shardlearn/run.py::run": "the one loop: what to run, on what, with what, and three things a caller may want",
}

CODE = python_files("src", "bench", "demo", "examples")
TEXTS = [
    *CODE,
    *python_files("tests"),
    *sorted(path for path in (ROOT / "native").rglob("*") if path.suffix in {".cpp", ".hpp"}),
]


@pytest.mark.parametrize("path", TEXTS, ids=short)
def test_files(path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= FILE or short(path) in EXCEPTIONS, f"{short(path)} has {lines} lines; {FILE} is the most"


@pytest.mark.parametrize("path", CODE, ids=short)
def test_functions(path) -> None:
    found = [f"{name}: {why}" for name, node in functions(tree(path)) for why in _too_large(short(path), name, node)]
    assert not found, f"{short(path)}: " + "; ".join(found)


def _too_large(path: str, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    if f"{path}::{name}" in EXCEPTIONS:
        return []
    lines, most = _body_lines(node), TELL if node.name == "tell" and "/solvers/" in path else BODY
    parameters = _parameters(node)
    return [
        *([f"body of {lines} lines; {most} is the most"] if lines > most else []),
        *([f"{parameters} parameters; {PARAMETERS} is the most"] if _counts(path, parameters) else []),
    ]


def _counts(path: str, parameters: int) -> bool:
    return parameters > PARAMETERS and not path.startswith(WIDE)


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def test_exceptions_are_needed() -> None:
    """An exception whose reason has gone is taken off the list."""
    for entry in EXCEPTIONS:
        path, _, name = entry.partition("::")
        assert (ROOT / path).exists(), f"{path} is gone"
        if name:
            node = dict(functions(tree(ROOT / path)))[name]
            assert _body_lines(node) > BODY or _parameters(node) > PARAMETERS, f"{entry} is within the budgets"
