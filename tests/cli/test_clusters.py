"""The verbs for models that need no target: clusters and neighbours, from files to files."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sk

import shardlearn
from shardlearn.cluster import KMeans

FEATURES = ["a", "b", "c"]


def test_clusters_of_files(call, data, csv, tmp_path, table) -> None:
    fitted = call(
        *("fit", "cluster.KMeans", "data/*.parquet", "--columns", "a,b,c", "--set", "n_clusters=4"),
        *("--set", "random_state=0", "--out", "groups"),
    )
    assert fitted.code == 0, fitted.err
    assert "KMeans saved in groups" in fitted.out
    X = table.select(FEATURES).to_pandas()
    direct = KMeans(4, random_state=0).fit(X)
    assert shardlearn.fingerprint(shardlearn.load(tmp_path / "groups")) == shardlearn.fingerprint(direct)

    predicted = call("predict", "groups", str(csv), "--keep", "id", "--out", "labels")
    assert predicted.code == 0, predicted.err
    labels = pq.read_table(tmp_path / "labels")
    assert labels.column_names == ["id", "prediction"]
    assert labels["id"].to_pylist() == table["id"].to_pylist()
    assert labels["prediction"].to_pylist() == direct.labels_.tolist()

    measured = call("evaluate", "groups", str(csv), "--json")
    assert measured.code == 0, measured.err
    found = measured.json["metrics"]
    assert (found["rows"], found["silhouette_rows"]) == (3000, 1000)
    assert found["inertia"] == pytest.approx(direct.inertia_, rel=1e-12)
    assert found["silhouette"] == pytest.approx(sk.silhouette_score(X, direct.labels_), abs=0.05)
    said = call("evaluate", "groups", "data").out
    assert "(of 1,000 rows)" in said
    assert "target" not in said
    assert "target" not in call("report", "groups").out


def test_a_target_is_set_aside_and_weights_count(call, data, table) -> None:
    small = ("fit", "KMeans", "data", "--set", "n_clusters=2", "--set", "random_state=0", "--json")
    aside = call(*small, "--columns", "a,b,c,delay", "--target", "delay", "--out", "m1")
    plain = call(*small, "--columns", "a,b,c", "--out", "m2")
    heavy = call(*small, "--columns", "a,b,c", "--weight", "w", "--out", "m3")
    assert [done.code for done in (aside, plain, heavy)] == [0, 0, 0], aside.err + heavy.err
    assert aside.json["fingerprint"] == plain.json["fingerprint"] != heavy.json["fingerprint"]
    X, w = table.select(FEATURES).to_pandas(), table["w"].to_numpy()
    assert heavy.json["fingerprint"] == shardlearn.fingerprint(KMeans(2, random_state=0).fit(X, None, w))


def test_rows_kept_aside(call, data) -> None:
    done = call(
        *("fit", "KMeans", "data", "--columns", "a,b,c", "--set", "n_clusters=3", "--set", "random_state=0"),
        *("--holdout", "0.2", "--out", "m", "--json"),
    )
    assert done.code == 0, done.err
    held = done.json["holdout"]
    assert 500 < held["rows"] < 700
    assert held["inertia"] > 0
    assert -1 < held["silhouette"] < 1


def test_one_cluster_has_no_silhouette(call, data) -> None:
    assert call("fit", "KMeans", "data", "--columns", "a,b", "--set", "n_clusters=1", "--out", "m").code == 0
    found = call("evaluate", "m", "data", "--json").json["metrics"]
    assert found["silhouette"] is None
    assert found["rows"] == 3000


def test_neighbours_of_files(call, data, csv, tmp_path, table) -> None:
    X = table.select(FEATURES).to_pandas().to_numpy()
    fitted = call("fit", "NearestNeighbors", "data", "--columns", "a,b,c", "--set", "n_neighbors=2", "--out", "near")
    assert fitted.code == 0, fitted.err
    predicted = call("predict", "near", str(csv), "--out", "found")
    assert predicted.code == 0, predicted.err
    found = pq.read_table(tmp_path / "found")
    assert found.column_names == ["row", "neighbor_0", "neighbor_1", "distance_0", "distance_1"]
    squares = ((X[:50, None] - X) ** 2).sum(axis=2)
    assert found["neighbor_0"].to_pylist()[:50] == squares.argmin(axis=1).tolist()
    assert "predicts nothing that could be measured" in call("evaluate", "near", "data", "--target", "late").err


@pytest.mark.parametrize("store", ["auto", "rows"])
def test_classes_of_neighbours(call, data, csv, tmp_path, table, store) -> None:
    fitted = call(
        *("fit", "KNeighborsClassifier", "data", "--columns", "a,b,c", "--target", "late", "--set", f"store={store}"),
        *("--out", "near"),
    )
    assert fitted.code == 0, fitted.err
    measured = call("evaluate", "near", str(csv), "--json")
    assert measured.code == 0, measured.err
    model = shardlearn.load(tmp_path / "near")
    p = model.predict_proba(table.select(FEATURES).to_pandas())[:, 1]
    y = table["late"].to_numpy()
    assert measured.json["metrics"]["accuracy"] == pytest.approx(np.mean((p > 0.5) == y))
    assert measured.json["metrics"]["auc"] == pytest.approx(sk.roc_auc_score(y, p))


def test_neighbours_with_rows_kept_aside(call, data) -> None:
    """A part of a table has no name that a saved model could refer to."""
    asked = (
        *("fit", "KNeighborsRegressor", "data", "--columns", "a,b,c", "--target", "delay"),
        *("--holdout", "0.2", "--out", "near", "--json"),
    )
    refused = call(*asked)
    assert (refused.code, "--set store=rows" in refused.err) == (2, True)
    done = call(*asked, "--set", "store=rows")
    assert done.code == 0, done.err
    assert done.json["holdout"]["r2"] is not None
    again = call("evaluate", "near", "data", "--json")
    assert again.code == 0, again.err


def test_what_is_missing_is_said(call, data) -> None:
    done = call("fit", "KNeighborsClassifier", "data", "--columns", "a,b,c", "--out", "m")
    assert (done.code, "--target is missing" in done.err) == (2, True)
    done = call(
        *("fit", "KNeighborsRegressor", "data", "--target", "delay", "--columns", "a,b", "--weight", "w", "--out", "m")
    )
    assert (done.code, "takes no weights" in done.err) == (2, True)
    done = call("fit", "cluster.ElbowDisplay", "data", "--out", "m")
    assert (done.code, "There is no estimator" in done.err) == (2, True)
    assert (
        json.loads(call("fit", "KMeans", "data", "--columns", "a", "--out", "m", "--json").out)["estimator"] == "KMeans"
    )


def test_clusters_are_resumed(call, data, tmp_path) -> None:
    fit = (
        *("fit", "KMeans", "data", "--columns", "a,b,c", "--set", "n_clusters=3", "--set", "random_state=0"),
        *("--out", "m", "--checkpoint", "stored", "--checkpoint-every", "0", "--json"),
    )
    done = call(*fit)
    assert done.code == 0, done.err
    again = call("resume", "stored", "--json")
    assert again.code == 0, again.err
    assert again.json["fingerprint"] == done.json["fingerprint"]
