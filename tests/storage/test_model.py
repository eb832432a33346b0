"""Fitted estimators go to a folder and back; equal fingerprints are equal files; hostile folders are refused."""

import json
import pickle
import subprocess
import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from shardlearn.core.errors import StorageError
from shardlearn.storage import atomic, canonical, checks, fingerprint, load, model, save


class Fake(BaseEstimator):
    """An estimator as storage sees it."""

    def __init__(self, C=1.0, class_weight=None, alpha=None, random_state=None):
        self.C, self.class_weight, self.alpha, self.random_state = C, class_weight, alpha, random_state

    def _fitted(self):
        return {name: value for name, value in vars(self).items() if name.endswith("_") and name != "report_"}

    def _restore(self, fitted):
        vars(self).update(fitted)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Fake is an estimator of shardlearn, for these tests."""
    home = types.ModuleType("shardlearn.fake")
    home.Fake = Fake
    monkeypatch.setitem(sys.modules, "shardlearn.fake", home)
    monkeypatch.setattr(Fake, "__module__", "shardlearn.fake")
    monkeypatch.setitem(model.ESTIMATORS, "Fake", "shardlearn.fake:Fake")
    monkeypatch.setitem(checks.CHECKS, "Fake", checks._classifier)


def fitted(names=True, labels=("no", "yes"), container=np.str_, **parameters):
    est = Fake(**parameters)
    est.coef_ = np.array([[0.1, -0.0, 5e-324]])
    est.intercept_ = np.array([1 / 3])
    est.classes_ = np.array(labels).astype(container)
    est.n_features_in_ = 3
    est.n_iter_ = np.array([7], np.int32)
    if names:
        est.feature_names_in_ = np.array(["a", "b", "ż"], object)
    return est


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize("container", [np.str_, object])
def test_there_and_back(tmp_path, container):
    est = fitted(C=np.float64(0.25), class_weight={"no": 1, "yes": 2.5}, alpha=np.arange(3.0), container=container)
    save(est, tmp_path / "m")
    back = load(tmp_path / "m")
    assert type(back) is Fake
    assert fingerprint(back) == fingerprint(est)
    assert back.C == 0.25
    assert type(back.C) is float
    assert back.class_weight == {"no": 1, "yes": 2.5}
    assert back.alpha.tolist() == [0, 1, 2]
    for name, value in est._fitted().items():
        other = getattr(back, name)
        assert type(other) is type(value)
        if isinstance(value, np.ndarray):
            assert other.dtype == value.dtype
            assert pickle.dumps(other) == pickle.dumps(value)


@pytest.mark.parametrize("labels", [(1, 2), (False, True), (-1, 5), (0.5, 1.5), ("a", "bcd")])
def test_labels_of_any_kind(tmp_path, labels):
    est = fitted(labels=labels, container=np.array(labels).dtype)
    save(est, tmp_path / "m")
    assert load(tmp_path / "m").classes_.tolist() == list(labels)
    assert load(tmp_path / "m").classes_.dtype == est.classes_.dtype


def test_equal_fingerprints_are_equal_files(tmp_path):
    one, two = fitted(), fitted(names=False, container=object)
    one.report_ = Told({"seconds": 1.5, "memory": float("nan"), "at": [1, None], "who": Fake})
    assert fingerprint(one) == fingerprint(two)
    save(one, tmp_path / "one")
    save(two, tmp_path / "two")
    a, b = contents(tmp_path / "one"), contents(tmp_path / "two")
    models = {name for name in a if name.startswith("model-")}
    assert len(models) == 2
    assert all(a[name] == b[name] for name in models)
    assert json.loads(a["run.json"])["report"]["seconds"] == 1.5
    assert json.loads(b["run.json"])["report"] is None


@dataclass(frozen=True)
class Told:
    values: dict

    def to_dict(self):
        return self.values


def changed(**attributes):
    est = fitted()
    vars(est).update(attributes)
    return est


def test_the_fingerprint_sees_every_bit():
    others = [
        fitted(C=2.0),
        fitted(C=1),
        fitted(class_weight="balanced"),
        fitted(labels=("no", "yet")),
        changed(coef_=np.array([[0.1, 0.0, 5e-324]])),
        changed(coef_=np.array([[0.1, -0.0, 5e-324]], np.float32)),
        changed(coef_=np.array([[np.nextafter(0.1, 1), -0.0, 5e-324]])),
        changed(n_iter_=np.array([8], np.int32)),
        changed(extra_="text"),
        changed(seed_=3),
    ]
    seen = {fingerprint(est) for est in [fitted(), *others]}
    assert len(seen) == len(others) + 1
    same = [changed(none_=None), fitted(C=np.float64(1)), fitted(random_state=np.random.RandomState(0))]
    assert {fingerprint(est) for est in same} == {fingerprint(fitted())}


def test_a_generator_is_not_kept(tmp_path):
    save(fitted(random_state=np.random.default_rng(0)), tmp_path / "m")
    assert load(tmp_path / "m").random_state is None


def test_overwriting_is_asked_for(tmp_path):
    save(fitted(), tmp_path / "m")
    with pytest.raises(StorageError, match="overwrite=True"):
        save(fitted(C=2.0), tmp_path / "m")
    save(fitted(C=2.0), tmp_path / "m", overwrite=True)
    assert load(tmp_path / "m").C == 2.0


def test_only_our_own_are_saved(tmp_path):
    class Mine(Fake):
        pass

    for est in (Mine(), BaseEstimator()):
        with pytest.raises(StorageError) as caught:
            save(est, tmp_path / "m")
        assert caught.value.code == "SL5107"
    stranger = type("Fake", (Fake,), {"__module__": "elsewhere"})()
    with pytest.raises(StorageError):
        fingerprint(stranger)
    assert not (tmp_path / "m").exists()


def test_every_estimator_has_a_check():
    assert set(checks.CHECKS) == set(model.ESTIMATORS)
    assert all(address.startswith("shardlearn.") for address in model.ESTIMATORS.values())


def crafted(folder, head=None, data=None, **attributes):
    """A folder with a right manifest and anything inside."""
    save(changed(**attributes), folder)
    files = atomic.read_folder(folder, "model")
    value = json.loads(files["model.json"]) | (head or {})
    files["model.json"] = canonical.dumps(value)
    if data is not None:
        files["data.json"] = canonical.dumps(data)
    atomic.write_folder(folder, "model", files, overwrite=True)


HEADS = {
    "unknown class": {"class": "Ridgeline"},
    "module": {"class": "os:system"},
    "no name": {"class": 3},
    "address": {"class": "shardlearn.fake:Fake"},
    "later": {"format": 2},
    "spare": {"more": 1},
    "parameter": {"parameters": {"command": "x"}},
    "parameters": {"parameters": 5},
    "private": {"fitted": {"_restore_": 1}},
    "dunder": {"fitted": {"__class__": 1}},
    "method": {"fitted": {"predict": 1}},
    "list": {"fitted": [1, 2]},
    "none": {"fitted": None},
}


@pytest.mark.parametrize("name", HEADS)
def test_hostile_heads_are_refused(tmp_path, name):
    crafted(tmp_path, HEADS[name])
    with pytest.raises(StorageError):
        load(tmp_path)


def test_a_later_format_is_refused_in_words(tmp_path):
    crafted(tmp_path, {"format": 2})
    with pytest.raises(StorageError, match="upgrade"):
        load(tmp_path)


DATA = [
    {},
    {"feature_names": 3, "dtypes": {}},
    {"feature_names": [1, 2, 3], "dtypes": {}},
    {"feature_names": ["a"], "dtypes": {}},
    {"feature_names": None, "dtypes": {"classes_": "|S3"}},
    {"feature_names": None, "dtypes": {"classes_": "<U9"}},
    {"feature_names": None, "dtypes": {"coef_": "<U3"}},
    {"feature_names": None, "dtypes": [], "more": 1},
]


@pytest.mark.parametrize("data", DATA, ids=range(len(DATA)))
def test_hostile_descriptions_are_refused(tmp_path, data):
    crafted(tmp_path, data=data)
    with pytest.raises(StorageError):
        load(tmp_path)


ATTRIBUTES = {
    "nan": {"coef_": np.full((1, 3), np.nan)},
    "infinite": {"intercept_": np.array([np.inf])},
    "infinite number": {"loss_": float("inf")},
    "half": {"coef_": np.zeros((1, 3), np.float16)},
    "integers": {"coef_": np.zeros((1, 3), np.int64)},
    "complex": {"coef_": np.zeros((1, 3), complex)},
    "long": {"coef_": np.zeros((1, 3), np.longdouble)},
    "text": {"coef_": "big"},
    "width": {"coef_": np.zeros((1, 4))},
    "rows": {"coef_": np.zeros((2, 3)), "intercept_": np.zeros(2)},
    "cube": {"coef_": np.zeros((1, 1, 3))},
    "no rows": {"coef_": np.zeros((0, 3)), "intercept_": np.zeros(0)},
    "intercept": {"intercept_": np.zeros(2)},
    "intercept text": {"intercept_": "x"},
    "intercept integers": {"intercept_": np.zeros(1, np.int64)},
    "one class": {"classes_": np.array([1])},
    "class twice": {"classes_": np.array([1, 1])},
    "no classes": {"classes_": None},
    "dates": {"classes_": np.array(["2013", "2014"], "M8[Y]")},
    "no features": {"n_features_in_": 0},
    "features": {"n_features_in_": "3"},
    "bool features": {"n_features_in_": True, "coef_": np.zeros((1, 1))},
    "names": {"feature_names_in_": np.array(["a"], object)},
    "tuple": {"extra_": (1, 2)},
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_are_checked(tmp_path, name):
    save(changed(**ATTRIBUTES[name]), tmp_path)
    with pytest.raises(StorageError):
        load(tmp_path)


SOUND = [
    {"coef_": np.zeros(2), "intercept_": 0.0},
    {"coef_": np.zeros(2, np.float32), "intercept_": np.float32(0.5)},
    {"coef_": np.zeros(2), "intercept_": np.zeros(1)},
    {"coef_": np.zeros((3, 2)), "intercept_": np.zeros(3)},
    {"coef_": np.zeros((3, 2)), "intercept_": 0.0},
    {"coef_": np.zeros((1, 2)), "intercept_": np.zeros(1), "rank_": 2, "singular_": np.ones(2), "n_iter_": None},
]


@pytest.mark.parametrize("attributes", SOUND, ids=range(len(SOUND)))
def test_the_shapes_of_linear_models(attributes):
    checks.check("Ridge", attributes | {"n_features_in_": 2}, "here")


def test_other_files_are_refused(tmp_path):
    save(fitted(), tmp_path)
    files = atomic.read_folder(tmp_path, "model")
    del files["data.json"]
    atomic.write_folder(tmp_path, "model", files, overwrite=True)
    with pytest.raises(StorageError):
        load(tmp_path)
    atomic.write_folder(tmp_path, "model", files | {"data.json": b"1\n", "model.json": b"1\n"}, overwrite=True)
    with pytest.raises(StorageError):
        load(tmp_path)


def test_loading_runs_no_code(tmp_path):
    """A loaded model opens its own files and nothing else: no import, compile, exec, socket or process."""
    save(fitted(alpha=np.arange(2.0)), tmp_path)
    load(tmp_path)
    seen, watching = [], [True]

    def hook(event, args):
        if watching:
            seen.append((event, args))

    sys.addaudithook(hook)
    load(tmp_path)
    watching.clear()
    allowed = {"open", "object.__getattr__", "builtins.id"}
    assert {event for event, _ in seen} <= allowed
    opened = {str(args[0]).rsplit("/", 1)[-1] for event, args in seen if event == "open"}
    assert opened == {tmp_path.name} | set(contents(tmp_path)) - {"run.json"}


def test_storage_loads_no_estimator():
    code = "import sys, shardlearn.storage; print([m for m in sys.modules if 'linear_model' in m or 'faces' in m])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
