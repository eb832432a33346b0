"""Docstrings: their examples run, and every parameter and attribute is described."""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import pytest
from tests.linear_model.problems import classification

import shardlearn.linear_model
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

MODELS = [LinearRegression, Ridge, LogisticRegression]


@pytest.mark.parametrize("Model", MODELS)
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
    data = classification()
    for name in vars(Model().fit(data.X, data.y)):
        assert not name.endswith("_") or f"\n{name} : " in attributes, name
    for section in ("Parameters", "Attributes", "References", "Examples"):
        assert f"{section}\n{'-' * len(section)}\n" in text


@pytest.mark.parametrize("Model", MODELS)
def test_public_methods_are_described(Model: Any) -> None:
    for name, method in inspect.getmembers(Model, inspect.isfunction):
        if not name.startswith("_") and method.__module__.startswith("shardlearn"):
            doc = inspect.getdoc(method) or ""
            assert doc.splitlines()[0].endswith((".", ":", "classes.")), name
            for parameter in list(inspect.signature(method).parameters)[1:]:
                assert f"\n{parameter} : " in doc, (name, parameter)


def test_public_names() -> None:
    assert shardlearn.linear_model.__all__ == ["LinearRegression", "LogisticRegression", "Ridge"]
