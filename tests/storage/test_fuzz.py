"""Any change to a model's files under a right manifest is refused in words, or gives a model that can be used."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shardlearn
from shardlearn.core.errors import StorageError
from shardlearn.linear_model import LogisticRegression, Ridge
from shardlearn.storage import atomic, canonical

draw = np.random.default_rng(0)
X = draw.standard_normal((60, 3))
FITTED = {
    "ridge": Ridge(alpha=np.array([1.0])).fit(X, X[:, :1]),
    "logistic": LogisticRegression(class_weight={"a": 1.0, "b": 2}).fit(X, np.where(X[:, 0] > 0, "a", "b")),
}
PLAIN = (None, True, 0, -1, 2**62, 1.5, -0.0, "", "x", "coef_", "|O", "<f4", "|S8", "Ridge", "LogisticRegression")
TAGGED = (
    [],
    {},
    [1, [2]],
    {"$list": []},
    {"$map": [[1, 2]]},
    {"$int": "-0x1"},
    {"$float": "7ff0000000000000"},
    {"$enum": "core.solver.Status", "name": "RUNNING"},
    {"$class": "core.rows.All", "fields": {}},
    {"$objects": ["a", "b"], "shape": [2]},
    {"$objects": ["a", 1], "shape": [2]},
)
LEAVES = st.sampled_from([*PLAIN, *TAGGED])


@pytest.fixture(autouse=True, scope="module")
def no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic.os, "fsync", lambda _: None)
        yield


def places(value, path=()):
    """Paths of all values inside a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value, path, new):
    """The value with another one at a path."""
    if not path:
        return new
    out = copy.deepcopy(value)
    at = out
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return out


@pytest.mark.parametrize("role", ["model.json", "data.json"])
@pytest.mark.parametrize("name", FITTED)
@settings(max_examples=80)
@given(data=st.data())
def test_other_values_anywhere(tmp_path_factory, name, role, data):
    folder = tmp_path_factory.mktemp("m")
    shardlearn.save(FITTED[name], folder)
    files = atomic.read_folder(folder, "model")
    value = canonical.loads(files[role], "here")
    path = data.draw(st.sampled_from(list(places(value))))
    files[role] = canonical.dumps(changed(value, path, data.draw(LEAVES)))
    atomic.write_folder(folder, "model", files, overwrite=True)
    loaded_or_refused(folder)


@pytest.mark.parametrize("name", FITTED)
@settings(max_examples=60)
@given(where=st.floats(0, 1), value=st.integers(0, 255))
def test_other_bytes_in_the_tensors(tmp_path_factory, name, where, value):
    folder = tmp_path_factory.mktemp("m")
    shardlearn.save(FITTED[name], folder)
    files = atomic.read_folder(folder, "model")
    tensors = bytearray(files["model.safetensors"])
    tensors[int(where * (len(tensors) - 1))] = value
    atomic.write_folder(folder, "model", files | {"model.safetensors": bytes(tensors)}, overwrite=True)
    loaded_or_refused(folder)


def loaded_or_refused(folder):
    try:
        estimator = shardlearn.load(folder)
    except StorageError:
        return
    assert type(estimator) in (Ridge, LogisticRegression)
    if estimator.n_features_in_ == 3 and not hasattr(estimator, "feature_names_in_"):
        assert len(estimator.predict(X)) == 60
