"""States go to files and back, bit for bit; what isn't a state is refused."""

import json
import math
import struct
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shardlearn.core.errors import StorageError
from shardlearn.core.matrix import Csr
from shardlearn.core.rows import Ids
from shardlearn.core.solver import Status
from shardlearn.solvers.together import TogetherState
from shardlearn.storage import canonical, state


@state.allow("tests.Colour")
class Colour(Enum):
    RED = 1
    ALSO_RED = 1  # noqa: PIE796
    BLUE = "blue"


@state.allow("tests.Pair")
@dataclass(frozen=True, slots=True)
class Pair:
    left: object
    right: object = None


@dataclass(frozen=True)
class Stranger:
    x: int = 1


def same(a, b):
    """Equal types and bits, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape or a.flags.c_contiguous != b.flags.c_contiguous:
            return False
        return all(map(same, a.flat, b.flat)) if a.dtype == object else a.tobytes() == b.tobytes()
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, (dict, MappingProxyType)):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (Pair, Csr, Ids)):
        return all(same(getattr(a, f), getattr(b, f)) for f in a.__dataclass_fields__)
    return a == b


def there_and_back(value):
    return state.from_files(state.to_files(value), "here")


NAN = struct.unpack(">d", bytes.fromhex("fff8000000000abc"))[0]
ARRAYS = [
    np.empty((0, 3)),
    np.array(-0.0),
    np.array([1.5, math.inf, NAN], ">f8"),
    np.arange(6, dtype=np.int16).reshape(2, 3).T,
    np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
    np.array([True, False]),
    np.array(["a", "bcd", ""]),
    np.array(["a", "żółw"], ">U4"),
    np.array([b"a", b"bc"]),
    np.array(["2013-01-01", "NaT"], "M8[ns]"),
    np.array([3], "m8[D]"),
    np.array([1 + 2j, -0.0j]),
    np.array([2**64 - 1], np.uint64),
    np.array([1.0], np.float16),
    np.array([1.0, 2.0], np.longdouble),
    np.array(["x", None, 3, 2.5, True, ""], object).reshape(2, 3),
    np.empty((0, 2), object),
    np.arange(10)[::-2],
    np.broadcast_to(np.float32(2), (3, 2)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype.str}{a.shape}")
def test_arrays_of_any_dtype(array):
    back = there_and_back(Pair(array)).left
    assert same(np.array(array, order="K"), back)
    assert back.flags.writeable


PLAIN = [
    None,
    True,
    0,
    -(2**63),
    2**63,
    -(2**5000),
    0.1,
    -0.0,
    5e-324,
    math.inf,
    -math.inf,
    NAN,
    "",
    "ż\ud800\0\n",
    (),
    [],
    {},
    (1, (2.0, [None])),
    {"a": 1, 2: (3,), (1, "x"): "y", "z": {}},
    MappingProxyType({"loss": 0.5}),
    Status.STALLED,
    Colour.ALSO_RED,
    Colour.BLUE,
    np.float64(0.1),
    np.float32(-0.0),
    np.int64(7),
    np.bool_(True),
    np.str_("ab"),
    np.datetime64("2013-01-01"),
    Ids(np.arange(3)),
    Csr(np.array([1.0, 2.0]), np.array([0, 2], np.int32), np.array([0, 1, 2]), 3),
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda v: repr(v)[:30])
def test_values_of_any_kind(value):
    assert same(there_and_back(value), value)
    assert same(there_and_back(Pair((value,), {"k": value})), Pair((value,), {"k": value}))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(list(Status))
arrays = hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
keys = st.text() | st.integers()
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.builds(Pair, inner, inner)
        | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(values)
def test_any_state(value):
    files = state.to_files(value)
    back = state.from_files(files, "here")
    assert same(back, value)
    assert state.to_files(back) == files


def test_arrays_are_named_by_where_they_stand():
    one = np.zeros(1)
    value = {"x": {"y": one, "y/z": one}, "x/y": one, "0": one, 0: one, (0,): (one,), "x_key": {"": one}}
    _, arrays = state.encode(value, "s")
    assert "s/x/y" in arrays
    assert len(arrays) == 7
    assert same(there_and_back(value), value)


def test_too_large_a_text_is_refused(monkeypatch):
    monkeypatch.setattr(canonical, "LARGEST", 10)
    with pytest.raises(StorageError, match="bytes of JSON"):
        there_and_back(1)


def test_files_are_plain(tmp_path):
    state.dump(Pair(np.arange(3.0), 0.25), tmp_path / "s")
    (tensors,) = (tmp_path / "s").glob("*.safetensors")
    (text,) = (tmp_path / "s").glob("state-*.json")
    assert safetensors.numpy.load_file(tensors)["state/left"].tolist() == [0, 1, 2]
    assert json.loads(text.read_text())["state"]["fields"]["right"] == 0.25


def test_a_new_process_reads_it(tmp_path):
    value = (np.arange(5) / 3, Status.RUNNING, {"x": -0.0})
    state.dump(value, tmp_path / "s")
    code = "import sys; from shardlearn.storage import state; state.dump(state.load(sys.argv[1]), sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, tmp_path / "s", tmp_path / "t"], check=True, timeout=60)
    names = sorted(p.name for p in (tmp_path / "s").iterdir())
    assert names == sorted(p.name for p in (tmp_path / "t").iterdir())
    assert all((tmp_path / "s" / n).read_bytes() == (tmp_path / "t" / n).read_bytes() for n in names)


@pytest.mark.parametrize(
    "value",
    [
        Stranger(),
        object(),
        {1, 2},
        b"bytes",
        lambda: 0,
        np.array([object()]),
        np.zeros(2, [("a", "f8")]),
        Pair,
        type("Text", (str,), {})("x"),
        np.array([{"a": 1}], object),
    ],
    ids=[
        "stranger",
        "object",
        "set",
        "bytes",
        "function",
        "objects",
        "fields",
        "class",
        "kind of text",
        "array of dicts",
    ],
)
def test_other_values_are_refused(value):
    with pytest.raises(StorageError, match="saved"):
        there_and_back((value,))


def test_too_deep_is_refused():
    value = ()
    for _ in range(200):
        value = (value,)
    with pytest.raises(StorageError, match="nested"):
        state.to_files(value)


def crafted(value, **arrays):
    text = canonical.dumps({"format": 1, "state": value})
    return {"state.json": text, "state.safetensors": safetensors.numpy.save(arrays)}


DOUBLES = np.arange(4.0)
HOSTILE = {
    "class": ({"$class": "os.system", "fields": {"command": "true"}}, {}),
    "import": ({"$class": "subprocess.Popen", "fields": {}}, {}),
    "enum as class": ({"$class": "core.solver.Status", "fields": {}}, {}),
    "class as enum": ({"$enum": "tests.Pair", "name": "left"}, {}),
    "member": ({"$enum": "core.solver.Status", "name": "__class__"}, {}),
    "fields": ({"$class": "tests.Pair", "fields": {"left": 1, "right": 2, "third": 3}}, {}),
    "tag": ({"$pickle": "x"}, {}),
    "no tag": ({}, {}),
    "two tags": ({"$int": "0x1", "$list": []}, {}),
    "int": ({"$int": "1_0"}, {}),
    "float": ({"$float": "zz"}, {}),
    "missing array": ({"$array": "a", "dtype": "<f8", "shape": [4]}, {}),
    "array twice": ([{"$array": "a", "dtype": "<f8", "shape": [4]}] * 2, {"a": DOUBLES}),
    "spare array": (1, {"a": DOUBLES}),
    "dtype": ({"$array": "a", "dtype": "<f4", "shape": [8]}, {"a": DOUBLES}),
    "objects": ({"$array": "a", "dtype": "|O", "shape": [4]}, {"a": DOUBLES}),
    "pointers": ({"$array": "a", "dtype": "|O8", "shape": [4]}, {"a": DOUBLES.view(np.uint8)}),
    "struct": ({"$array": "a", "dtype": "f8,O", "shape": [2]}, {"a": DOUBLES.view(np.uint8)}),
    "no dtype": ({"$array": "a", "shape": [4]}, {"a": DOUBLES}),
    "no shape": ({"$array": "a", "dtype": "<f8"}, {"a": DOUBLES}),
    "shape": ({"$array": "a", "dtype": "<f8", "shape": [2, 3]}, {"a": DOUBLES}),
    "negative": ({"$array": "a", "dtype": "<f8", "shape": [-2, -2]}, {"a": DOUBLES}),
    "bomb": ({"$array": "a", "dtype": "<f8", "shape": [0, 2**62, 4]}, {"a": np.empty(0)}),
    "wide": ({"$array": "a", "dtype": "<U999999999", "shape": [1]}, {"a": DOUBLES.view(np.uint8)}),
    "order": ({"$array": "a", "dtype": "<f8", "shape": [4], "order": "K"}, {"a": DOUBLES}),
    "text": ({"$array": "a", "dtype": "<U1", "shape": [1]}, {"a": np.full(4, 255, np.uint8)}),
    "bool": ({"$array": "a", "dtype": "|b1", "shape": [2]}, {"a": np.array([2, 3], np.uint8).view(bool)}),
    "object shape": ({"$objects": [1, 2], "shape": [3]}, {}),
    "object kind": ({"$objects": [[1]], "shape": [1]}, {}),
    "key twice": ({"$map": [[1, 2], [True, 3]]}, {}),
    "key": ({"$map": [[{"$list": []}, 3]]}, {}),
    "pair": ({"$map": [[1, 2, 3]]}, {}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_states_are_refused(name):
    value, arrays = HOSTILE[name]
    with pytest.raises(StorageError):
        state.from_files(crafted(value, **arrays), "here")


def csr(data, indices, indptr, n_columns):
    return Pair(Csr(np.asarray(data), np.asarray(indices), np.asarray(indptr), n_columns))


BAD_CSR = [
    csr([1.0], np.array([5], np.int32), [0, 1], 3),
    csr([1.0], np.array([-1], np.int32), [0, 1], 3),
    csr([1.0], np.array([0], np.int32), [0, 9], 3),
    csr([1.0], np.array([0], np.int32), [-4, 1], 3),
    csr([1.0, 2.0], np.array([0, 1], np.int32), [0, 2, 1], 3),
    csr([1.0], np.array([0, 1], np.int32), [0, 1], 3),
    csr([1.0], np.array([0], np.int32), np.array([0, 1], np.int32), 3),
    csr([1], np.array([0], np.int32), [0, 1], 3),
    csr([1.0], np.array([0], np.int32), np.empty(0, np.int64), 3),
    csr([1.0], np.array([0], np.int32), [0, 1], 3.5),
]


@pytest.mark.parametrize("bad", BAD_CSR, ids=range(len(BAD_CSR)))
def test_sparse_matrices_that_lead_outside_are_refused(bad):
    files = state.to_files(bad)
    with pytest.raises(StorageError):
        state.from_files(files, "here")


TEXTS = [
    b"",
    b"{",
    b"\xff",
    b"nul",
    b"NaN\n",
    b"1e999\n",
    b"[" * 100_000,
    b'{"a":1,"a":2}',
    b'{"format": 1, "state": 1}',
    b"9" * 10_000,
    canonical.dumps([]),
    canonical.dumps({"format": 1}),
    canonical.dumps({"format": 0, "state": 1}),
    canonical.dumps({"format": True, "state": 1}),
    canonical.dumps({"format": 1, "state": [[[1]]]})[:-1],
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_text_that_is_no_state_is_refused(text):
    with pytest.raises(StorageError):
        state.from_files({"state.json": text, "state.safetensors": safetensors.numpy.save({})}, "here")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def test_deep_text_is_refused():
    with pytest.raises(StorageError):
        state.decode(nested(300), {}, "here")


def test_a_later_format_is_refused_in_words():
    files = crafted(1) | {"state.json": canonical.dumps({"format": 2, "state": 1})}
    with pytest.raises(StorageError, match="format 2") as caught:
        state.from_files(files, "here")
    assert caught.value.code == "SL5106"
    assert "upgrade" in caught.value.fix


def test_other_files_are_refused():
    with pytest.raises(StorageError):
        state.from_files({"state.json": b"1\n"}, "here")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_no_tensors(data):
    with pytest.raises(StorageError):
        state.from_files({"state.json": canonical.dumps({"format": 1, "state": 1}), "state.safetensors": data}, "here")


def test_headers_that_promise_too_much():
    for header in (b'{"a":{"dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,8]}}', b"{}"):
        data = struct.pack("<Q", 2**60 if header == b"{}" else len(header)) + header + bytes(8)
        files = crafted(1) | {"state.safetensors": data}
        with pytest.raises(StorageError):
            state.from_files(files, "here")


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="taken"):
        state.allow("tests.Pair")(Stranger)
    assert state.allow("tests.Pair")(Pair) is Pair
    with pytest.raises(ValueError, match="taken"):
        state.allow("core.solver.Status")(Stranger)


def test_the_classes_of_the_library():
    table = state._of_rooms()
    assert table["solvers.together.TogetherState"] is TogetherState
    assert all(kind.__module__.startswith(state.ROOMS) for kind in table.values())
    assert all(state._may_stand(kind) for kind in state.CORE)
