"""What is refused in words: values that are none, weights of other shapes, graphs that ask two things at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import neighbors as sk
from tests.neighbors.brute import data

import shardlearn
from shardlearn import ParameterError
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    kneighbors_graph,
    radius_neighbors_graph,
)

X, Q = data("normal", 200, 3, 20)
Y = np.arange(200) % 3

# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["n_neighbors", "p", "leaf_size", "n_jobs"])
def test_true_is_no_number(name: str) -> None:
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of KNeighborsClassifier must be") as caught:
        KNeighborsClassifier(**{name: True}).fit(X, Y)
    assert caught.value.code == "SL1001"


def test_true_is_no_number_where_it_is_asked() -> None:
    model = NearestNeighbors().fit(X)
    for call in (
        lambda: model.kneighbors(Q, True),
        lambda: model.kneighbors_graph(Q, True),
        lambda: kneighbors_graph(X, True),
        lambda: model.radius_neighbors(Q, True),
        lambda: radius_neighbors_graph(X, True),
        lambda: NearestNeighbors(radius=True).fit(X),
    ):
        with pytest.raises(ParameterError, match=r"bool|True"):
            call()


@pytest.mark.parametrize("radius", [None, "far", float("nan"), [1.0]])
def test_a_radius_that_is_no_number(radius: Any) -> None:
    model = NearestNeighbors(radius=None).fit(X)
    for call in (model.radius_neighbors, model.radius_neighbors_graph):
        with pytest.raises(ParameterError, match=r"radius does not take .*, enter a number") as caught:
            call(Q, radius)
        assert "of the method or of the estimator" in caught.value.fix
    assert len(model.radius_neighbors(Q, np.float32(1.0))[0]) == 20
    with pytest.raises(ParameterError, match="radius does not take None"):
        RadiusNeighborsRegressor(radius=None).fit(X, Y).predict(Q)


@pytest.mark.parametrize("metric", ["no such", len, None])
def test_a_metric_that_was_changed_to_none(metric: Any) -> None:
    model = NearestNeighbors().fit(X).set_params(metric=metric)
    for call in (model.kneighbors, model.radius_neighbors):
        with pytest.raises(ParameterError, match="does not support metric"):
            call(Q)


# -- weights -----------------------------------------------------------------------------------------------------------


class Wrong:
    """A callable that gives something else than weights."""

    def __init__(self, of: Callable[[Any], Any], found: str) -> None:
        self.of, self.found = of, found

    def __call__(self, distances: Any) -> Any:
        return self.of(distances)


SQUARE = [
    Wrong(lambda d: d[:, 0], "ndarray of shape (20,)"),
    Wrong(lambda d: None, "NoneType of shape ()"),
    Wrong(lambda d: 1.0, "float of shape ()"),
    Wrong(lambda d: d[:-1], "ndarray of shape (19, 4)"),
    Wrong(lambda d: d.T, "ndarray of shape (4, 20)"),
    Wrong(lambda d: "much", "str, which is no array of numbers"),
    Wrong(lambda d: [[1.0], [2.0, 3.0]], "list, which is no array of numbers"),
]


@pytest.mark.parametrize("weights", SQUARE, ids=lambda one: one.found)
@pytest.mark.parametrize("Model", [KNeighborsClassifier, KNeighborsRegressor])
def test_weights_of_other_shapes(Model: Any, weights: Wrong) -> None:
    with pytest.raises(ParameterError, match="The callable weights must give a weight for each distance") as caught:
        Model(n_neighbors=4, weights=weights).fit(X, Y).predict(Q)
    assert (caught.value.code, caught.value.found) == ("SL1009", weights.found)
    assert "shape (20, 4)" in caught.value.needed


ROWS = [
    Wrong(lambda d: None, "NoneType"),
    Wrong(lambda d: 2.0, "float"),
    Wrong(lambda d: np.array(1.0), "ndarray"),
    Wrong(lambda d: d[:-1], "ndarray of length 19"),
    Wrong(lambda d: np.ones(20), "float64 of shape ()"),
    Wrong(lambda d: [row[:-1] for row in d], "ndarray of shape (199,)"),
    Wrong(lambda d: [row[:, None] for row in d], "ndarray of shape (200, 1)"),
    Wrong(lambda d: [None for row in d], "NoneType of shape ()"),
    Wrong(lambda d: ["x" for row in d], "str, which is no array of numbers"),
]


@pytest.mark.parametrize("weights", ROWS, ids=lambda one: one.found)
@pytest.mark.parametrize("Model", [RadiusNeighborsClassifier, RadiusNeighborsRegressor])
def test_weights_of_other_shapes_within_a_radius(Model: Any, weights: Wrong) -> None:
    model = Model(radius=99.0, weights=weights).fit(X, Y)
    with pytest.raises(ParameterError, match="The callable weights must give a weight for each distance") as caught:
        model.predict(Q)
    assert (caught.value.code, caught.value.found) == ("SL1009", weights.found)
    assert "20 arrays" in caught.value.needed or (
        "shape (200,)" in caught.value.needed and "row 0" in caught.value.where
    )


def test_weights_are_refused_by_workers_too() -> None:
    """As they are here: what a callable gives does not become right by another attempt."""
    many = np.repeat(X, 50, axis=0)
    with shardlearn.engine("threads", workers=2):
        for model in (KNeighborsRegressor(weights=SQUARE[0]), RadiusNeighborsRegressor(9.0, weights=ROWS[0])):
            with pytest.raises(ParameterError, match="must give a weight for each distance"):
                model.fit(X, Y).predict(many)


def test_lists_of_weights_are_taken() -> None:
    ours = RadiusNeighborsRegressor(2.0, weights=lambda d: [[1.0] * len(row) for row in d]).fit(X, Y)
    np.testing.assert_array_equal(ours.predict(X), RadiusNeighborsRegressor(2.0).fit(X, Y).predict(X))


# -- graphs ------------------------------------------------------------------------------------------------------------

GRAPHS = [(kneighbors_graph, sk.kneighbors_graph, 3), (radius_neighbors_graph, sk.radius_neighbors_graph, 1.0)]


@pytest.mark.parametrize(("ours", "theirs", "far"), GRAPHS)
def test_a_graph_by_two_metrics(ours: Any, theirs: Any, far: Any) -> None:
    """As in scikit-learn, word by word."""
    told: dict[str, Any]
    for own, told in (
        ({"metric": "manhattan"}, {"metric": "euclidean"}),
        ({"metric": "manhattan"}, {}),
        ({"p": 3}, {"p": 1}),
        ({}, {"metric_params": {"w": np.ones(3)}}),
    ):
        with pytest.raises(ValueError, match="while the estimator has") as wanted:
            theirs(sk.NearestNeighbors(**own).fit(X), far, **told)
        with pytest.raises(ParameterError) as caught:
            ours(NearestNeighbors(**own).fit(X), far, **told)
        assert caught.value.first == str(wanted.value)
    same = {"metric": "manhattan", "p": 3}
    one, two = ours(NearestNeighbors(**same).fit(X), far, **same), ours(X, far, **same)
    assert abs(one - two).max() == 0


@pytest.mark.parametrize(("ours", "theirs", "far"), GRAPHS)
@pytest.mark.parametrize(
    "told", [{"include_self": "maybe"}, {"include_self": 1}, {"mode": "both"}, {"n_jobs": 0.5}, {"p": -1}], ids=str
)
def test_graphs_refuse_what_scikit_learn_refuses(ours: Any, theirs: Any, far: Any, told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="parameter") as wanted:
        theirs(X, far, **told)
    with pytest.raises(ParameterError) as caught:
        ours(X, far, **told)
    assert caught.value.first == str(wanted.value)


def test_graphs_of_other_estimators() -> None:
    with pytest.raises(ParameterError, match="A KNeighborsClassifier does not find neighbours in this way") as caught:
        radius_neighbors_graph(KNeighborsClassifier().fit(X, Y), 1.0)
    assert "NearestNeighbors, RadiusNeighborsClassifier" in caught.value.needed
    with pytest.raises(ParameterError, match="in this way"):
        kneighbors_graph(RadiusNeighborsRegressor().fit(X, Y), 3)
    with pytest.raises(TypeError):
        kneighbors_graph(sk.NearestNeighbors().fit(X), 3)
    with pytest.raises(ParameterError, match="'n_neighbors' parameter of kneighbors_graph"):
        kneighbors_graph(X, None)
    with pytest.raises(ParameterError, match="'radius' parameter of radius_neighbors_graph"):
        radius_neighbors_graph(X, None)
