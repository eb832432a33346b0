"""Law 2: one fingerprint, in whatever order answers arrive, and whatever processor and BLAS a process sees."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.laws.subjects import SUBJECTS, bits

from shardlearn import kernels
from shardlearn.core.tree import Counter, Tree

# -- any arrival order ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SUBJECTS)
@settings(max_examples=6)
@given(st.integers(0, 10_000), st.integers(1, 13), st.integers(0, 1000), st.integers(0, 5))
def test_nodes_in_any_order_give_the_same_root(name, seed, blocks, shuffle, first):
    """Contiguous ranges of blocks on any number of workers, whose nodes arrive in any order."""
    statistic, block = SUBJECTS[name].case(seed, 40)
    draw = np.random.default_rng(shuffle)
    edges = np.sort(draw.integers(0, 41, blocks - 1)).tolist()
    pieces = [block.slice(a, b) for a, b in zip([0, *edges], [*edges, 40], strict=True)]
    cuts = sorted({0, blocks, *draw.integers(0, blocks + 1, draw.integers(0, 8)).tolist()})
    nodes = []
    for start, stop in pairwise(cuts):
        counter = Counter(statistic.merge, first + start)
        for i in range(start, stop):
            counter.push(first + i, statistic.of(pieces[i]))
        nodes += counter.finish(first + stop)
    tree = Tree(statistic.merge, first, first + blocks)
    for i in draw.permutation(len(nodes)):
        tree.add([nodes[i]])
    assert bits(tree.root()) == bits(in_order(statistic, pieces, first))


def in_order(statistic, pieces, first):
    """The definition: merge(left, right) over the aligned halves of a range."""

    def node(start, stop):
        held = range(max(start, first), min(stop, first + len(pieces)))
        if not held:
            return None
        if stop - start == 1:
            return statistic.of(pieces[start - first])
        middle = (start + stop) // 2
        left, right = node(start, middle), node(middle, stop)
        return right if left is None else left if right is None else statistic.merge(left, right)

    return node(0, 1 << (first + len(pieces)).bit_length())


# -- any processor and BLAS ----------------------------------------------------------------------------------------


def without_avx512():
    """NumPy's own name for it changes with its version."""
    from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatched

    return " ".join(name for name in dispatched if "AVX512" in name or name == "X86_V4")


HASWELL = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}
SKYLAKE = {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2"}
VARIANTS = {  # workers, and what the environment forces
    "as it is": (1, {}),
    "avx2, haswell blas, 1 thread": (2, HASWELL | {"SHARDLEARN_SIMD": "avx2"}),
    "avx512, skylakex blas, 2 threads": (3, SKYLAKE | {"SHARDLEARN_SIMD": "avx512"}),
    "scalar, numpy without avx512": (7, {"SHARDLEARN_SIMD": "scalar", "NPY_DISABLE_CPU_FEATURES": without_avx512()}),
}
FORCED = {"SHARDLEARN_SIMD", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "NPY_DISABLE_CPU_FEATURES"}


@pytest.fixture(scope="module")
def fitted():
    """All fingerprints of a new process under each of the settings; None where this processor can't run them."""
    able = {
        variant: settings
        for variant, settings in VARIANTS.items()
        if settings[1].get("SHARDLEARN_SIMD") != "avx512" or kernels.simd() == "avx512"
    }
    with ThreadPoolExecutor(2) as pool:
        return dict.fromkeys(VARIANTS) | dict(zip(able, pool.map(all_fitted, able.values()), strict=True))


def all_fitted(settings):
    workers, forced = settings
    environment = {name: value for name, value in os.environ.items() if name not in FORCED} | forced
    command = [sys.executable, "-m", "tests.laws.fit_all", str(workers)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "as it is"])
def test_every_model_in_every_process(fitted, variant):
    plain, other = fitted["as it is"], fitted[variant]
    if other is None:
        pytest.skip("this processor has no AVX-512")
    assert in_force(VARIANTS[variant][1], other["settings"])
    differing = [name for name, seen in plain["fingerprints"].items() if other["fingerprints"][name] != seen]
    assert differing == []
    assert len(plain["fingerprints"]) > 50


def in_force(forced, found):
    """Whether the settings really took hold."""
    simd = forced.get("SHARDLEARN_SIMD", found["simd"]) == found["simd"]
    architectures = {architecture for architecture, _ in found["blas"]}
    core = forced.get("OPENBLAS_CORETYPE") in {None, *architectures}
    threads = forced.get("OPENBLAS_NUM_THREADS") in {None, *(str(count) for _, count in found["blas"])}
    numpy = "NPY_DISABLE_CPU_FEATURES" not in forced or not found["avx512"]
    return simd and core and threads and numpy
