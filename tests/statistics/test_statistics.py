"""What each statistic means, in plain NumPy; and that the two ways to a gradient have the same bits."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tests.statistics.same import bits

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import to_dense
from shardlearn.core.rng import Purpose, uniform
from shardlearn.losses.logistic import Logistic
from shardlearn.losses.registry import LOSSES
from shardlearn.statistics import registry
from shardlearn.statistics.class_weights import ClassWeights
from shardlearn.statistics.clusters import Later
from shardlearn.statistics.curvature import STEPS, Curvature, pairs_of
from shardlearn.statistics.double import Double, total
from shardlearn.statistics.gradient import GradSums, composed
from shardlearn.statistics.gram import symmetric
from shardlearn.statistics.labels import Labels
from shardlearn.statistics.registry import STATISTICS
from shardlearn.statistics.seeding import Drawn, NearestOf, NearestWith

GRADIENTS = [name for name in STATISTICS if name.startswith("gradient")]


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("n", [0, 1, 17, 64, 256, 700])
def test_the_composition_has_the_bits_of_the_native_pass(name, n):
    for seed in range(12):
        case = STATISTICS[name].case(seed, n)
        assert bits(case.statistic.of(case.block)) == bits(composed(case.statistic, case.block))


class Unfused(Logistic):
    """A loss that has no native pass."""

    fused = None


def test_a_loss_without_a_native_pass():
    case = STATISTICS["gradient, logistic"].case(3, 300)
    assert bits(replace(case.statistic, loss=Unfused()).of(case.block)) == bits(case.statistic.of(case.block))


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient_is_the_derivative_of_the_loss(name):
    for seed in (0, 1, 2, 4):
        case = STATISTICS[name].case(seed, 200)
        s, block = case.statistic, case.block
        here = s.of(block)
        for q in range(len(s.b)):
            for j in {0, s.W.shape[1] - 1}:
                h = 1e-5 / float(np.abs(to_dense(block.X)).max())
                step = np.zeros_like(s.W)
                step[q, j] = h
                up, down = replace(s, W=s.W + step).of(block), replace(s, W=s.W - step).of(block)
                slope = (float(up.loss) - float(down.loss)) / (2 * h)
                assert slope == pytest.approx(here.grad[q, j], rel=1e-5, abs=1e-12 * float(here.loss) / h)


def along(f, at, step, h=1e-5):
    """Central difference of f along a step."""
    (W, b), (dW, db) = at, step
    return (f(W + h * dW, b + h * db) - f(W - h * dW, b - h * db)) / (2 * h)


@pytest.mark.parametrize(("name", "k"), [("logistic", 1), ("multinomial", 4), ("squared", 2), ("poisson", 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_curvature(name, k, weighted):
    draw, loss, p, n = np.random.default_rng(0), LOSSES[name], 5, 400
    X = draw.standard_normal((n, p))
    y = draw.integers(0, 2, (n, k)).astype(float) if name == "squared" else draw.integers(0, max(k, 2), n).astype(float)
    block = Block(X, y, draw.random(n) if weighted else None, 0)
    W, b = 0.3 * draw.standard_normal((k, p)), 0.3 * draw.standard_normal(k)
    dW, db = draw.standard_normal((k, p)), draw.standard_normal(k)
    pivot = draw.standard_normal(p)
    found = Curvature(loss, W, b, pivot, (dW, db)).of(block)
    assert bits(found.sums) == bits(GradSums(loss, W, b, pivot).of(block))
    for share, value in zip(STEPS, found.values, strict=True):
        there = GradSums(loss, W - (1 - share) * dW, b - (1 - share) * db, pivot).of(block)
        assert value == pytest.approx(float(there.loss), rel=1e-13)
    product, product_b = np.zeros((k, p)), np.zeros(k)
    for c, (one, other) in enumerate(pairs_of(k)):
        G, first, whole = symmetric(found.G[c]), found.sum_x[c], found.weight[c]
        for q, r in {(one, other), (other, one)}:
            sign = 1.0 if q == r else -1.0
            product[q] += sign * (G @ dW[r] + first * db[r])
            product_b[q] += sign * (first @ dW[r] + whole * db[r])

    def grad(W, b):
        return GradSums(loss, np.ascontiguousarray(W), b, pivot).of(block)

    np.testing.assert_allclose(product, along(lambda *at: grad(*at).grad, (W, b), (dW, db)), rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(product_b, along(lambda *at: grad(*at).grad_b, (W, b), (dW, db)), rtol=1e-6, atol=1e-5)


def test_plain_meanings():
    for seed in range(12):
        case = STATISTICS["gram"].case(seed, 120)
        X, y, block, s = to_dense(case.block.X).astype(float), case.block.y, case.block, case.statistic
        w = np.ones(block.n) if block.weight is None else block.weight
        X, y = X - (0 if s.pivot is None else s.pivot), y - (0 if s.pivot_y is None else s.pivot_y)
        found = s.of(block)
        np.testing.assert_allclose(found.weight_sum[0], w.sum())
        np.testing.assert_allclose(symmetric(found.G), (X.T * w) @ X, atol=1e-9)
        np.testing.assert_allclose(found.H, (X.T * w) @ y, atol=1e-9)
        np.testing.assert_allclose(found.sum_x, w @ X, atol=1e-10)
        np.testing.assert_allclose(found.sum_y, w @ y, atol=1e-10)
        case = STATISTICS["products"].case(seed, 120)
        X, s = to_dense(case.block.X).astype(float), case.statistic
        w = np.ones(120) if case.block.weight is None else case.block.weight
        X = X - (0 if s.pivot is None else s.pivot)
        z = (X @ s.V.T + s.shift) * w[:, None]
        np.testing.assert_allclose(s.of(case.block).products, z.T @ X, atol=1e-8)
        np.testing.assert_allclose(s.of(case.block).sum_z, z.sum(axis=0), atol=1e-9)
        case = STATISTICS["moments"].case(seed, 120)
        X, s = to_dense(case.block.X).astype(float), case.statistic
        X = X - (0 if s.pivot is None else s.pivot)
        w = np.ones(120) if case.block.weight is None else case.block.weight
        np.testing.assert_allclose(s.of(case.block).square, w @ (X * X), atol=1e-10)
        np.testing.assert_allclose(s.of(case.block).sum_y, [w @ case.block.y], atol=1e-10)


def test_doubled_precision():
    draw = np.random.default_rng(0)
    values = draw.standard_normal(1000) * 10.0 ** draw.integers(-8, 9, 1000)
    values = np.concatenate([values, -values[::-1], [1e-9]])
    exact = float(sum(map(Fraction, values)))
    halves = total(values[:777]) + total(values[777:])
    assert float(total(values)) == pytest.approx(exact, rel=1e-12)
    assert float(halves) == pytest.approx(exact, rel=1e-12)
    assert float(Double(1e16, 0.0) + Double(1.0, 0.0) + Double(-1e16, 0.0)) == 1.0
    assert float(total(np.zeros(0))) == 0.0
    assert float(Double(np.inf, 0.0) + Double(1.0, 0.0)) == np.inf
    assert np.isnan(float(Double(np.inf, 0.0) + Double(-np.inf, 0.0)))


def labels(y, limit=10):
    y = np.asarray(y)
    return Labels(limit).of(Block(np.zeros((len(y), 1)), y, None, 0))


@pytest.mark.parametrize("y", [[3, -1, 3, 7], [True, False, True], [0.5, -0.0, 0.0, np.inf], ["b", "a", "b", "ccc"]])
def test_labels(y):
    found = labels(y)
    values, counts = np.unique(np.asarray(y), return_counts=True)
    assert found.values.dtype == np.asarray(y).dtype
    assert found.values.tolist() == values.tolist()
    assert found.counts.tolist() == counts.tolist()
    assert not found.too_many
    assert labels(y, limit=2).too_many == (len(values) > 2)
    assert len(labels(y, limit=1).values) == 0


def test_labels_of_one_form():
    wide, narrow = labels(np.array(["a", "b"], "<U50")), labels(np.array(["a", "b"]))
    assert bits(wide) == bits(narrow)
    assert not np.signbit(labels([-0.0]).values[0])
    measure = Labels(3)
    full = measure.of(Block(np.zeros((4, 1)), np.arange(4), None, 0))
    assert full.too_many
    assert bits(measure.merge(full, labels([1]))) == bits(measure.merge(labels([1]), full)) == bits(full)
    assert measure.merge(labels([1, 2]), labels([3, 4])).too_many


@pytest.mark.parametrize("y", [None, np.zeros((3, 2))])
def test_labels_need_one_column(y):
    with pytest.raises(ValueError, match="one column"):
        Labels().of(Block(np.zeros((3, 1)), y, None, 0))


def test_class_weights_of_strings():
    y = np.array(["b", "a", "b", "c"])
    block = Block(np.zeros((4, 1)), y, np.array([1.0, 2.0, 0.5, 0.0]), 0)
    assert ClassWeights(np.array(["a", "b", "c"])).of(block).tolist() == [2.0, 1.5, 0.0]
    assert ClassWeights(np.array(["a", "b", "c"])).of(replace(block, weight=None)).tolist() == [1.0, 2.0, 1.0]


@pytest.mark.parametrize("name", ["gradient, logistic", "class weights"])
def test_without_a_target(name):
    case = STATISTICS[name].case(1, 5)
    with pytest.raises(ValueError, match="needs a target"):
        case.statistic.of(replace(case.block, y=None))


def test_sampled_rows_are_the_rows():
    for seed in range(12):
        case = STATISTICS["rows"].case(seed, 40)
        pivot = 0.0 if case.statistic.pivot is None else case.statistic.pivot
        found = case.statistic.of(case.block).joined(case.block.p)
        assert found.X.dtype == np.float32
        assert bits(found.X) == bits((to_dense(case.block.X) - pivot).astype(np.float32))
        assert bits(found.y) == bits(case.block.y)
        assert bits(found.weight) == bits(np.ones(40) if case.block.weight is None else case.block.weight)


@pytest.mark.parametrize("sparse", [False, True])
def test_nearest_candidates_stepped_as_rebuilt(sparse):
    """Ties go to the candidate that was drawn first, also where the same row was drawn again."""
    rng = np.random.default_rng(0)
    X = np.rint(rng.normal(size=(500, 2)))
    C = np.concatenate([X[:5], X[3:9], X[:4]])
    rows = registry.sparse(X) if sparse else X
    bare = Block(rows, None, None, 0)

    def of(some):
        return kernels.centers_of(np.ascontiguousarray(some), sparse)

    now = bare.with_extra("near", NearestOf(Later(C[:5], sparse))(bare))
    for first, stop in ((5, 11), (11, 15)):
        now = now.with_extra("near", NearestWith(of(C[first:stop]), first)(now))
        wanted = NearestOf(Later(C[:stop], sparse))(bare)
        for name in ("candidate", "square"):
            np.testing.assert_array_equal(now.extra[f"near/{name}"], wanted[name])
    assert NearestWith(None, 15)(now)["square"] is now.extra["near/square"]


def test_rows_are_drawn_by_their_keys():
    """Over several blocks: the smallest keys of all rows, whatever the order of merging."""
    rng = np.random.default_rng(1)
    square = rng.random(900) * (rng.random(900) > 0.5)
    block = Block(rng.normal(size=(900, 3)), None, rng.random(900), 0)
    block = block.with_extra("near", {"square": square, "candidate": np.zeros(900, np.int32)})
    measure = Drawn(3, 40, 7, 2, near=True)
    words = kernels.philox(7, Purpose.SEEDING, np.arange(900), 2, 0)
    with np.errstate(divide="ignore"):
        key = -kernels.log1p(-uniform(words)) / (square * block.weight)
    wanted = np.argsort(key)[:40]
    parts = [block.slice(a, a + 100) for a in range(0, 900, 100)]
    walked, merged_ = measure.of(parts[0]), measure.of(parts[-1])
    for part in parts[1:]:
        walked = measure.add(walked, part)
    for part in parts[-2::-1]:
        merged_ = measure.merge(merged_, measure.of(part))
    for found in (walked, merged_, measure.of(block)):
        np.testing.assert_array_equal(found.id, wanted)
        np.testing.assert_array_equal(found.X, block.X[wanted])
        np.testing.assert_array_equal(found.key, key[wanted])
