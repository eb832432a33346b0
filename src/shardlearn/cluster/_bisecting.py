"""Bisecting k-means."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import cluster
from sklearn.cluster._bisect_k_means import _BisectingTree
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils._param_validation import Interval, StrOptions

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Csr, Floats, Ints
from shardlearn.core.solver import Status
from shardlearn.data import Source
from shardlearn.faces.parameters import check_parameters, refuse
from shardlearn.faces.predictions import Method
from shardlearn.faces.session import Session, fitting
from shardlearn.solvers.bisecting import Bisecting, BisectingState, names_of, pruned
from shardlearn.solvers.clusters import Clusters
from shardlearn.solvers.halving import Halving
from shardlearn.solvers.kmeans import KMeans
from shardlearn.solvers.lloyd import Lloyd
from shardlearn.statistics.by_leaf import Pairs
from shardlearn.statistics.clusters import Labels, Later

from ._centered import Centered, check_rows
from ._outputs import answered


class BisectingKMeans(Centered):
    """k-means by halves: the worst cluster is split in two by k-means, until there are `n_clusters`.

    A tree of clusters, each the rows that are nearer to its centre than to that of its sibling. Cheaper than
    :class:`KMeans` for many clusters: a row is compared with two centres at each level of the tree.

    What becomes of a cluster when it is split does not depend on the splits of others, so clusters that may have to be
    split are split on the same passes over the data. Splits are those of :class:`KMeans`, with its exact sums: the tree
    is the same, bit for bit, for any number of workers, any engine and any layout of files.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    init : {"k-means++", "random"}, default="random"
        Where each split begins: at two rows of the cluster, the second one far from the first or both at random.
        scikit-learn's callables are refused: the rows of a cluster lie wherever the data lie.
    n_init : int, default=1
        Tries of each split; the one with the least inertia counts. All tries share each pass over the data.
    random_state : int, RandomState instance, default=None
        Of the draws. None: another seed each time, kept as ``seed_``.
    max_iter : int, default=300
        Iterations of a split at most.
    verbose : int, default=0
        Above 0: progress from the beginning.
    tol : float, default=1e-4
        Iterations of a split end when ``sum_j |dc_j|^2`` is at most `tol` times the mean variance of the features in
        this cluster, or earlier when no label changes.
    copy_x : bool, default=True
        Accepted for scikit-learn's sake: X is never overwritten.
    algorithm : {"lloyd", "elkan"}, default="lloyd"
        Accepted for scikit-learn's sake: both name the same iterations, and what is computed is the same.
    bisecting_strategy : {"biggest_inertia", "largest_cluster"}, default="biggest_inertia"
        Which cluster is split next: that of the largest inertia, or of the largest weight of rows.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centres, of the dtype of X: the leaves of the tree from left to right.
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row, after a fit on an array or frame; it is neither saved nor part of the fingerprint.
        After a fit on a path or Source use ``predict(source)``.
    inertia_ : float
        The sum of squared distances of rows to the centres of their clusters, times the weights.
    left_ : ndarray of shape (2 * n_clusters - 1,)
        The tree: the left child of each node, -1 for a leaf; the right child is the next node. The first is the root.
    node_centers_ : ndarray of shape (2 * n_clusters - 1, n_features)
        The centre of each node; that of the root is zero, as nothing is compared with it.
    seed_ : int
        The seed of the draws.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.
    report_ : Report
        What the fit read and how long each part took.

    References
    ----------
    Steinbach, Karypis & Kumar (2000), A comparison of document clustering techniques.

    Examples
    --------
    >>> import numpy as np
    >>> from shardlearn.cluster import BisectingKMeans
    >>> X = np.array([[1, 1], [10, 1], [3, 1], [10, 0], [2, 1], [10, 2], [10, 8], [10, 9], [10, 10]])
    >>> model = BisectingKMeans(n_clusters=3, random_state=0).fit(X)
    >>> model.cluster_centers_[model.labels_[0]], model.cluster_centers_[model.labels_[1]]
    (array([2., 1.]), array([10.,  1.]))
    >>> model.inertia_
    6.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan"})],
        "bisecting_strategy": [StrOptions({"biggest_inertia", "largest_cluster"})],
    }
    left_: Ints
    node_centers_: Array

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "random",
        n_init: int = 1,
        random_state: Any = None,
        max_iter: int = 300,
        verbose: int = 0,
        tol: float = 1e-4,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        bisecting_strategy: str = "biggest_inertia",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.random_state = random_state
        self.max_iter = max_iter
        self.verbose = verbose
        self.tol = tol
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.bisecting_strategy = bisecting_strategy

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : str, default=None
            The name of a column that is no feature. Anything else is ignored, as in scikit-learn.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights >= 0, or the name of their column. Weight 2 is the row twice, weight 0 the row left out.
            Digits count as in :class:`KMeans`.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            A parameter's value is out of range, or `init` is a callable.
        InputError
            The data can't be used as it is; the error says where and why.
        Interrupted
            Ctrl-C: there is no tree of so many clusters yet, so the estimator is as it was.
        """
        check_parameters(self)
        if callable(self.init):
            why = "the rows of a cluster that is split lie wherever the data lie"
            raise refuse(self, "init", why=why, fix='init="k-means++"')
        aside = y if isinstance(y, str) else None
        with fitting(self, X, aside, sample_weight, verbose=int(self.verbose), supervised=False) as fit:
            check_rows(fit, self.n_clusters)
            seed = fit.journal.step("seed", lambda: int(check_random_state(self.random_state).randint(2**31 - 1)))
            weighted = fit.laid.empty().weight is not None
            single, in_memory = fit.laid.dtype == "float32", fit.laid.in_memory and not isinstance(X, Source)
            halving = Halving(KMeans(Lloyd(float(self.tol), int(self.max_iter), bounds=False), self.init))
            heaviest = self.bisecting_strategy == "largest_cluster"
            solver = Bisecting(halving, int(self.n_init), heaviest, in_memory)
            problem = Clusters(fit.shape, int(self.n_clusters), single, weighted, seed)
            self._publish(fit, fit.solve(solver, problem, seed=seed, rounds=int(self.max_iter)), seed)
        return self

    def to_sklearn(self) -> cluster.BisectingKMeans:
        """A plain fitted `sklearn.cluster.BisectingKMeans` of the same parameters and attributes.

        Returns
        -------
        sklearn.cluster.BisectingKMeans
        """
        peer = super().to_sklearn()
        for own in ("seed_", "left_", "node_centers_"):
            delattr(peer, own)
        peer._n_threads = _openmp_effective_n_threads()
        peer._n_features_out = self._n_features_out
        nodes = [_BisectingTree(center, None, 0) for center in self.node_centers_.copy()]
        for node, name, left in zip(nodes, names_of(self.left_, self._leaves), self.left_, strict=True):
            if left >= 0:
                node.left, node.right = nodes[left : left + 2]
            else:
                node.label = int(name)
        peer._bisecting_tree = nodes[0]
        return peer

    def _peer(self) -> cluster.BisectingKMeans:
        return cluster.BisectingKMeans(**self.get_params())

    @property
    def _leaves(self) -> Ints:
        """From left to right."""
        found, todo = [], [0]
        while todo:
            node = todo.pop()
            first = int(self.left_[node])
            if first < 0:
                found.append(node)
            else:
                todo += [first + 1, first]
        return np.array(found)

    def _labels(self) -> Method:
        centers = self.node_centers_.astype(np.float64)
        dense, sparse = (_pairs(self.left_, centers, sparse) for sparse in (False, True))
        return Down(dense, sparse, names_of(self.left_, self._leaves))

    def _publish(self, fit: Session, state: BisectingState, seed: int) -> None:
        if state.leaves is None or state.status is Status.RUNNING:
            raise KeyboardInterrupt
        left, nodes = pruned(state.grown, state.leaves)
        inertia = state.grown.inertia[state.leaves]
        fit.publish(
            cluster_centers_=state.grown.centers[state.leaves].astype(fit.laid.dtype),
            labels_=state.labels,
            inertia_=kernels.dot(inertia, np.ones(len(inertia))),
            left_=left,
            node_centers_=state.grown.centers[nodes].astype(fit.laid.dtype),
            seed_=seed,
        )
        found = int(np.count_nonzero(state.grown.weight[state.leaves]))
        if found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({found}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=3,
            )


@dataclass(frozen=True, eq=False, slots=True)
class Down:
    """The leaf that a row comes to on its way down the tree."""

    dense: Pairs
    sparse: Pairs
    names: Labels  # (m,) of the leaves

    def __call__(self, block: Block, /) -> Block:
        pairs = self.sparse if isinstance(block.X, Csr) else self.dense
        return answered(block, {"label": self.names[pairs.leaf(block.X)]})

    def values(self, block: Block, /) -> Array:
        return block.extra["out/label"]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return {"prediction": self.values(block)}


def _pairs(left: Ints, centers: Floats, sparse: bool) -> Pairs:
    inner = {int(node): int(left[node]) for node in np.flatnonzero(left >= 0)}
    return Pairs(left, {node: Later(centers[i : i + 2].astype(np.float64), sparse) for node, i in inner.items()})
