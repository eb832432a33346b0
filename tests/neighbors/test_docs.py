"""Docstrings and the page about neighbours: examples run, every parameter and attribute is described."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.neighbors.brute import data

import shardlearn.neighbors
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    kneighbors_graph,
    radius_neighbors_graph,
)

MODELS = [
    NearestNeighbors,
    KNeighborsClassifier,
    KNeighborsRegressor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
]
FUNCTIONS = [kneighbors_graph, radius_neighbors_graph]
INNER = {"targets_", "row_ids_", "n_targets_"}  # told of with rows_


@pytest.mark.parametrize("Model", [*MODELS, *FUNCTIONS])
def test_examples_run(Model: Any) -> None:
    finder, runner = doctest.DocTestFinder(recurse=True), doctest.DocTestRunner()
    tests = [test for test in finder.find(Model) if test.examples]
    assert tests
    for test in tests:
        assert runner.run(test).failed == 0


@pytest.mark.parametrize("Model", MODELS)
def test_everything_is_described(Model: Any) -> None:
    text = inspect.getdoc(Model) or ""
    parameters, _, attributes = text.partition("Attributes\n----------")
    for name in inspect.signature(Model).parameters:
        assert f"\n{name} : " in parameters, name
    X, _ = data("normal", 30, 2, 1)
    for name in vars(Model().fit(X, (X[:, 0] > 0).astype(int))):
        assert not name.endswith("_") or name in INNER or f"\n{name} : " in attributes, name
    for name, method in inspect.getmembers(Model, inspect.isfunction):
        if not name.startswith("_") and method.__module__.startswith("shardlearn"):
            doc = inspect.getdoc(method) or ""
            for parameter in list(inspect.signature(method).parameters)[1:]:
                assert f"\n{parameter} : " in doc, (name, parameter)


def test_the_page_runs(tmp_path: Path) -> None:
    """The Python, then the commands, in one folder."""
    page = Path(__file__).parents[2] / "docs" / "neighbors.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    program = str(Path(sys.executable).with_name("shardlearn"))
    commands = [[program, *line.split()] for line in re.findall(r"^\$ shardlearn (.+)$", page.read_text(), re.M)]
    assert len(commands) == 3
    for command in ([sys.executable, "-W", "error", "-c", code], *commands):
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr


def test_public_names() -> None:
    assert sorted(shardlearn.neighbors.__all__) == sorted(one.__name__ for one in (*MODELS, *FUNCTIONS))
    assert dir(shardlearn.neighbors) == shardlearn.neighbors.__all__


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_parameter_of_a_function_is_described(function: Any) -> None:
    for name in inspect.signature(function).parameters:
        assert f"\n{name} : " in (inspect.getdoc(function) or ""), name
