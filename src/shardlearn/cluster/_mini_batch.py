"""Mini-batch k-means."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import cluster
from sklearn.utils import check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils._param_validation import Interval, StrOptions

from shardlearn.core.matrix import Floats
from shardlearn.core.solver import Status
from shardlearn.data import Source
from shardlearn.faces.names import check_count, check_names, fitted_names
from shardlearn.faces.parameters import check_parameters
from shardlearn.faces.session import Session, fitting
from shardlearn.solvers.batch_step import Learned
from shardlearn.solvers.clusters import Clusters
from shardlearn.solvers.mini_batch import MiniBatch, Streamed
from shardlearn.solvers.one_batch import NextBatch, OneBatch
from shardlearn.solvers.running_means import Running

from ._centered import Centered, check_rows
from ._starts import start

TRIES = 3  # of n_init="auto", where rows are taken at random or a callable says where to begin
SAMPLE = 3  # batches, or rows a cluster, that a start is made of


class MiniBatchKMeans(Centered):
    """k-means that learns from small batches of rows, for streams and for rough answers soon.

    Looks for what :class:`KMeans` looks for. Each step takes `batch_size` rows, sends each to its nearest centre, and
    moves each centre to the mean of all rows that were ever sent to it. The means are exact: sums of a batch are whole
    numbers, and sums of all batches are kept in twice the working precision.

    Batches are functions of seed, step and row ids. Each row is in one batch of an epoch. The rows of a batch come from
    few blocks (up to 16 of about 4 MiB, shuffled together), so a step does not need a pass over the data. So
    centres are the same, bit for bit, for any number of workers, any engine and any layout of files.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    init : {"k-means++", "random"}, array of shape (n_clusters, n_features) or callable, default="k-means++"
        Where the search begins:

        - "k-means++": greedy, on `init_size` rows drawn from all of the data.
        - "random": rows.
        - an array: centres.
        - a callable: ``init(X, n_clusters, random_state=...)`` returns centres; for data in memory only.
    max_iter : int, default=100
        Epochs at most: steps times `batch_size` over the number of rows.
    batch_size : int, default=1024
        Rows of a batch. They are in memory together.
    verbose : int, default=0
        Above 0: progress from the beginning.
    compute_labels : bool, default=True
        Whether a last pass over the data measures ``inertia_`` and finds ``labels_``.
    random_state : int, RandomState instance, default=None
        Of the draws. None: another seed each time, kept as ``seed_``.
    tol : float, default=0.0
        Steps end when one moves the centres by at most ``sum_j |dc_j|^2 = tol`` times the mean variance of the features
        (weighted as the rows are; that takes one more pass). 0: that is not looked at.
    max_no_improvement : int or None, default=10
        Steps end when the smoothed mean of the batches' squared distances has not fallen for so many steps. None: that
        is not looked at.
    init_size : int, default=None
        Rows that a start is made of, at least `n_clusters`. None: ``3 * batch_size``, or ``3 * n_clusters`` where that
        is less than `n_clusters`.
    n_init : int or "auto", default="auto"
        Starts that are tried; the one that fits `init_size` other rows best counts. "auto": 3 for "random" and a
        callable, else 1.
    reassignment_ratio : float, default=0.01
        A centre that has seen less than this share of the weight of the largest one is put on a row of the batch,
        drawn at random; looked at each ``10 * n_clusters`` rows, and while a centre has seen no row.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centres, of the dtype of X.
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row, after a fit on an array or frame with `compute_labels`; after `partial_fit` those of
        the last batch. It is neither saved nor part of the fingerprint. After a fit on a path or Source use
        ``predict(source)``.
    inertia_ : float
        The sum of squared distances to the nearest centre, times the weights. Without `compute_labels`: a guess from
        the last batches. After `partial_fit` that of the last batch, with `compute_labels` only.
    n_iter_ : int
        Epochs, the last one rounded up; after `fit` only.
    n_steps_ : int
        Batches.
    counts_ : ndarray of shape (n_clusters,)
        The weight of the rows that each centre is the mean of.
    sums_ : ndarray of shape (2, n_clusters, n_features)
        The sums of these rows times weights are ``sums_[0] + sums_[1]``: `partial_fit` goes on from there.
    waiting_ : int
        Rows since small clusters were last looked for.
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
    Sculley (2010), Web-scale k-means clustering; Dekker (1971), A floating-point technique for extending the available
    precision.

    Examples
    --------
    >>> import numpy as np
    >>> from shardlearn.cluster import MiniBatchKMeans
    >>> X = np.array([[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]])
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.cluster_centers_[model.labels_[0]], model.cluster_centers_[model.labels_[5]]
    (array([1., 2.]), array([10.,  2.]))

    Batches one by one:

    >>> model = MiniBatchKMeans(n_clusters=2, init=X[[0, 3]])
    >>> model.partial_fit(X[:4]).partial_fit(X[4:]).cluster_centers_
    array([[ 1.,  2.],
           [10.,  2.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "compute_labels": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
    }
    counts_: Floats
    sums_: Floats
    n_steps_: int
    waiting_: int
    seed_: int

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: int | str = "auto",
        reassignment_ratio: float = 0.01,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find the centres.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : str, default=None
            The name of a column that is no feature. Anything else is ignored, as in scikit-learn.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights >= 0, or the name of their column. Rows are drawn without them, and moved to the centres with them;
            weight 0 is the row left out. Digits count as in :class:`KMeans`, beside the largest of the batch.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            A parameter's value is out of range.
        InputError
            The data can't be used as it is; the error says where and why.
        Interrupted
            Ctrl-C: the attributes are those of the last batches.
        """
        check_parameters(self)
        aside = y if isinstance(y, str) else None
        with fitting(self, X, aside, sample_weight, verbose=int(self.verbose), supervised=False) as fit:
            check_rows(fit, self.n_clusters)
            seed = fit.journal.step("seed", self._draw_seed)
            in_memory = fit.laid.in_memory and not isinstance(X, Source)
            starts = self._starts(fit, X if in_memory else None, seed)
            solver, problem = self._solver(fit, in_memory), Streamed(self._clusters(fit, seed), starts)
            state = fit.solve(solver, problem, seed=seed, rounds=int(self.max_iter))
            if state.learned is None:  # stopped before there were centres
                raise KeyboardInterrupt
            self._learn(fit, state.learned, np.dtype(fit.laid.dtype), problem.clusters)
            done, seen = state.status is not Status.RUNNING, state.learned.steps * solver.size
            fit.publish(
                labels_=state.labels, inertia_=state.inertia if done else None, n_iter_=-(-seen // fit.laid.rows)
            )
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take one step, whose batch is all of X.

        The first call chooses first centres from its rows; what comes after a `fit` goes on from there.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); they are in memory together.
        y : str, default=None
            The name of a column that is no feature. Anything else is ignored, as in scikit-learn.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights >= 0, or the name of their column.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            A parameter's value is out of range.
        InputError
            The data can't be used as it is, or have other features than the batches before.
        """
        check_parameters(self)
        aside, then = y if isinstance(y, str) else None, self._learned()
        settings: dict[str, Any] = {"verbose": int(self.verbose), "supervised": False, "goes_on": then is not None}
        with fitting(self, X, aside, sample_weight, **settings) as fit:
            in_memory = fit.laid.in_memory and not isinstance(X, Source)
            problem = self._first(fit, X if in_memory else None) if then is None else self._next(fit, X, then)
            sample = self._sample(fit.laid.rows, min(int(self.batch_size), fit.laid.rows))
            solver = OneBatch(sample, self._seeding, float(self.reassignment_ratio), bool(self.compute_labels))
            state = fit.solve(solver, problem, seed=problem.clusters.seed)
            if state.learned is None:  # stopped before the rows were there
                raise KeyboardInterrupt
            self._learn(fit, state.learned, np.dtype(np.float32 if problem.single else np.float64), problem.clusters)
            if self.compute_labels:
                fit.publish(inertia_=state.inertia, labels_=state.labels if in_memory else None)
        return self

    def to_sklearn(self) -> cluster.MiniBatchKMeans:
        """A plain fitted `sklearn.cluster.MiniBatchKMeans` of the same parameters and attributes.

        Returns
        -------
        sklearn.cluster.MiniBatchKMeans
            Its `partial_fit` goes on from the same centres and counts.
        """
        peer = super().to_sklearn()
        peer._counts = peer.counts_.astype(self.cluster_centers_.dtype)
        peer._n_since_last_reassign = peer.waiting_
        peer._batch_size = self.batch_size
        for own in ("seed_", "counts_", "sums_", "waiting_"):
            delattr(peer, own)
        peer._n_threads = _openmp_effective_n_threads()
        peer._n_features_out = self._n_features_out
        return peer

    def _peer(self) -> cluster.MiniBatchKMeans:
        return cluster.MiniBatchKMeans(**self.get_params())

    @property
    def _seeding(self) -> str:
        return self.init if isinstance(self.init, str) else "random"

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _clusters(self, fit: Session, seed: int) -> Clusters:
        weighted = fit.laid.empty().weight is not None
        return Clusters(fit.shape, int(self.n_clusters), fit.laid.dtype == "float32", weighted, seed)

    def _starts(self, fit: Session, X: Any, seed: int) -> tuple[Floats, ...]:
        """Centres that were given, or that a callable makes of X; none: they are to be chosen."""
        if isinstance(self.init, str):
            return ()
        if not callable(self.init) and self.n_init not in ("auto", 1):
            warnings.warn(
                "Explicit initial center position passed: performing only one init in MiniBatchKMeans instead of "
                f"n_init={self.n_init}.",
                RuntimeWarning,
                stacklevel=3,
            )
        return tuple(start(self, fit, X, seed + i) for i in range(self._tries))

    @property
    def _tries(self) -> int:
        if not isinstance(self.init, str) and not callable(self.init):
            return 1
        if self.n_init == "auto":
            return 1 if self.init == "k-means++" else TRIES
        return int(self.n_init)

    def _sample(self, rows: int, size: int) -> int:
        """Rows that a start is made of."""
        asked = SAMPLE * size if self.init_size is None else int(self.init_size)
        if asked >= self.n_clusters:
            return min(asked, rows)
        if self.init_size is not None:
            warnings.warn(
                f"init_size={asked} should be larger than n_clusters={self.n_clusters}. "
                "Setting it to min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=3,
            )
        return min(SAMPLE * int(self.n_clusters), rows)

    def _solver(self, fit: Session, in_memory: bool) -> MiniBatch:
        rows = fit.laid.rows
        size, patience = min(int(self.batch_size), rows), self.max_no_improvement
        return MiniBatch(
            size,
            self._sample(rows, size),
            int(self.max_iter),
            float(self.tol),
            None if patience is None else int(patience),
            self._seeding,
            self._tries,
            float(self.reassignment_ratio),
            measured=bool(self.compute_labels),
            labels=bool(self.compute_labels) and in_memory,
        )

    def _first(self, fit: Session, X: Any) -> NextBatch:
        """Before the first batch."""
        check_rows(fit, self.n_clusters)
        seed = fit.journal.step("seed", self._draw_seed)
        begun = None if isinstance(self.init, str) else Learned.at(start(self, fit, X, seed))
        return NextBatch(self._clusters(fit, seed), begun, fit.laid.dtype == "float32")

    def _next(self, fit: Session, X: Any, then: Learned) -> NextBatch:
        """Before one more batch, which has to have the same features."""
        name, names = type(self).__name__, (getattr(self, "feature_names_in_", None), fitted_names(X, fit.laid))
        check_count(name, self.n_features_in_, fit.laid.n_features)
        check_names(name, *(None if one is None else list(one) for one in names))
        return NextBatch(self._clusters(fit, self.seed_), then, self.cluster_centers_.dtype == np.float32)

    def _learned(self) -> Learned | None:
        """What the batches before have taught, if there were any."""
        if not hasattr(self, "counts_"):
            return None
        centers, running = self.cluster_centers_.astype(np.float64), Running(self.sums_[0], self.sums_[1], self.counts_)
        reached = self.counts_ > 0
        centers[reached] = running.means(np.flatnonzero(reached))
        return Learned(centers, running, self.n_steps_, self.waiting_)

    def _learn(self, fit: Session, now: Learned, dtype: Any, clusters: Clusters) -> None:
        fit.publish(
            cluster_centers_=now.centers.astype(dtype),
            counts_=now.running.counts,
            sums_=np.stack([now.running.high, now.running.low]),
            n_steps_=now.steps,
            waiting_=now.waiting,
            seed_=clusters.seed,
        )
