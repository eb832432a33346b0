"""k-means."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import cluster
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from shardlearn.core.matrix import Array
from shardlearn.core.solver import Status
from shardlearn.data import Source
from shardlearn.faces.parameters import check_parameters, refuse
from shardlearn.faces.session import Session, fitting
from shardlearn.solvers.kmeans import KMeans as Solver
from shardlearn.solvers.kmeans import KMeansState
from shardlearn.solvers.lloyd import Lloyd
from shardlearn.solvers.together import Together
from shardlearn.statistics.unit_rows import UnitRows

from ._centered import Centered, check_rows
from ._outputs import Centers
from ._starts import best, restarts


class KMeans(Centered):
    """k-means on data of any size.

    Looks for ``n_clusters`` centres c that make small::

        sum_i s_i min_j |x_i - c_j|^2

    by Lloyd's iterations: each row to its nearest centre, each centre to the mean of its rows. ``s_i`` are the weights,
    ones without `sample_weight`. With ``metric="cosine"`` (spherical k-means) it is rows over their lengths, centres of
    length one, and ``1 - cos(x_i, c_j)`` in place of the square.

    A row's label is decided in float64, the lowest number where several centres are equally near; float32 scores with a
    rigorous bound find the few rows for which that has to be computed. Sums are whole numbers, and only rows whose
    label changed are added. So labels and centres are the same, bit for bit, for any number of workers, any engine and
    any layout of files.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    init : {"k-means||", "k-means++", "random"}, array of shape (n_clusters, n_features) or callable, \
default="k-means||"
        Where the search begins:

        - "k-means||": five passes draw 2 ``n_clusters`` rows each, far rows more likely; ``n_clusters`` of them are
          chosen by the mass of rows near to each, on the driver.
        - "k-means++": greedy, as in scikit-learn; two passes a centre, for few clusters.
        - "random": rows.
        - an array: centres.
        - a callable: ``init(X, n_clusters, random_state=...)`` returns centres; for data in memory only.
    n_init : int or "auto", default="auto"
        How often the search begins anew; the result with the least inertia counts. All searches share each pass over
        the data. "auto": 10 for "random" and a callable, else 1.
    max_iter : int, default=300
        Iterations at most.
    tol : float, default=1e-4
        Iterations end when ``sum_j |dc_j|^2`` is at most `tol` times the mean variance of the features (weighted as the
        rows are), or earlier when no label changes.
    verbose : int, default=0
        Above 0: progress from the beginning.
    random_state : int, RandomState instance, default=None
        Of the draws. None: another seed each time, kept as ``seed_``.
    copy_x : bool, default=True
        Accepted for scikit-learn's sake: X is never overwritten.
    algorithm : {"lloyd", "elkan"}, default="lloyd"
        Accepted for scikit-learn's sake: both name the same iterations, and what is computed is the same.
    metric : {"euclidean", "cosine"}, default="euclidean"
        By what centres are near. "cosine" is for data whose directions count, as of texts: a row is as near as the
        angle is small, however long it is. A row of zeros has no direction: it is at 1 from every centre, gets label 0,
        and moves no centre. scikit-learn has no such parameter.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centres, of the dtype of X; by cosines of length one.
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row, after a fit on an array or frame; it is neither saved nor part of the fingerprint.
        After a fit on a path or Source use ``predict(source)``.
    inertia_ : float
        The sum above, summed in twice the working precision.
    n_iter_ : int
        Iterations.
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
    Lloyd (1982), Least squares quantization in PCM; Bahmani, Moseley, Vattani, Kumar & Vassilvitskii (2012), Scalable
    k-means++; Efraimidis & Spirakis (2006), Weighted random sampling with a reservoir; Dhillon & Modha (2001), Concept
    decompositions for large sparse text data using clustering.

    Examples
    --------
    >>> import numpy as np
    >>> from shardlearn.cluster import KMeans
    >>> X = np.array([[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.cluster_centers_[model.labels_[0]], model.cluster_centers_[model.labels_[5]]
    (array([1., 2.]), array([10.,  2.]))
    >>> model.inertia_
    16.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means||", "k-means++", "random"}), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan"})],
        "metric": [StrOptions({"euclidean", "cosine"})],
    }
    cluster_centers_: Array
    labels_: Array

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means||",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        metric: str = "euclidean",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.metric = metric

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find the centres.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : str, default=None
            The name of a column that is no feature. Anything else is ignored, as in scikit-learn.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights >= 0, or the name of their column. Weight 2 is the row twice, weight 0 the row left out. All digits
            of a weight count if it is above 2^-48 of the largest (2^-43 for float64 features), those above 2^-72
            (2^-96) of the largest otherwise.

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
            Ctrl-C: the attributes are those of the last whole round.
        """
        check_parameters(self)
        aside = y if isinstance(y, str) else None
        with fitting(self, X, aside, sample_weight, verbose=int(self.verbose), supervised=False) as fit:
            check_rows(fit, self.n_clusters)
            if self.metric == "cosine":
                fit.refine(UnitRows())
            seed = fit.journal.step("seed", lambda: int(check_random_state(self.random_state).randint(2**31 - 1)))
            in_memory = fit.laid.in_memory and not isinstance(X, Source)
            problems = restarts(self, fit, X if in_memory else None, seed)
            lloyd = Lloyd(float(self.tol), int(self.max_iter), in_memory)
            solver = Solver(lloyd, self.init if isinstance(self.init, str) else "random")
            if len(problems) == 1:
                states = [fit.solve(solver, problems[0], seed=seed, rounds=int(self.max_iter), tol=float(self.tol))]
            else:
                states = fit.solve(Together(solver), problems, seed=seed, rounds=int(self.max_iter)).each
            self._publish(fit, best(states), seed)
        return self

    def transform(self, X: Any) -> Any:
        """Give the distance of each row to each centre: Euclidean, or 1 - cosine.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).

        Returns
        -------
        ndarray of shape (n_samples, n_clusters), or Predictions
            In float64. As a table: columns ``distance_0``, ``distance_1``, ...
        """
        return super().transform(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the sum of squared distances (or of 1 - cosine) of rows to their nearest centres, times the weights.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).
        y : str, default=None
            The name of a column that is no feature. Anything else is ignored.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights, or the name of their column.

        Returns
        -------
        float
            Computed in one pass, with the same bits for any number of workers.
        """
        return super().score(X, y, sample_weight)

    def to_sklearn(self) -> cluster.KMeans:
        """A plain fitted `sklearn.cluster.KMeans` of the same parameters and attributes.

        Returns
        -------
        sklearn.cluster.KMeans

        Raises
        ------
        ParameterError
            scikit-learn has no k-means by cosines.
        """
        check_is_fitted(self)
        if self.metric != "euclidean":
            raise refuse(
                self,
                "metric",
                why="scikit-learn has no k-means by cosines",
                fix="predict here; or scikit-learn's KMeans on rows over their lengths, whose centres lie inside",
            )
        peer = super().to_sklearn()
        del peer.seed_
        peer._n_threads = _openmp_effective_n_threads()
        peer._n_features_out = self._n_features_out
        return peer

    def _peer(self) -> cluster.KMeans:
        init = "k-means++" if isinstance(self.init, str) and self.init == "k-means||" else self.init
        own = {name: value for name, value in self.get_params().items() if name != "metric"}
        return cluster.KMeans(**own | {"init": init})

    def _centers(self) -> Centers:
        return Centers.of(self.cluster_centers_, unit=self.metric == "cosine")

    def _publish(self, fit: Session, state: KMeansState, seed: int) -> None:
        lloyd = state.lloyd
        if lloyd is None:  # stopped before there were centres
            raise KeyboardInterrupt
        done = lloyd.status is not Status.RUNNING
        fit.publish(
            cluster_centers_=lloyd.centers.astype(fit.laid.dtype),
            labels_=lloyd.labels,
            inertia_=lloyd.inertia if done else None,
            n_iter_=lloyd.iterations,
            seed_=seed,
        )
        found = int(np.count_nonzero(lloyd.weights.any(axis=0)))
        if done and found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({found}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=3,
            )
