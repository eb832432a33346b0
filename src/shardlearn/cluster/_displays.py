"""Plots by which people choose how many clusters there are; matplotlib is loaded when something is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils._optional_dependencies import check_matplotlib_support

from shardlearn.core.matrix import Floats
from shardlearn.metrics.silhouette import Distance, Silhouettes, silhouette_samples


class ElbowDisplay:
    """What is left of the sum of squares, by the number of clusters: where the curve bends, more clusters bring little.

    Parameters
    ----------
    n_clusters : sequence of int
        Numbers of clusters.
    inertia : sequence of float
        What the fit with each of them left over.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, once plotted.
    figure_ : matplotlib Figure
        The figure that holds them.
    line_ : matplotlib Line2D
        The curve.

    Examples
    --------
    >>> from shardlearn.cluster import ElbowDisplay
    >>> ElbowDisplay([1, 2, 3], [90.0, 12.0, 11.0]).inertia
    array([90., 12., 11.])
    """

    ax_: Any
    figure_: Any
    line_: Any

    def __init__(self, n_clusters: Sequence[int], inertia: Sequence[float]) -> None:
        self.n_clusters = np.asarray(n_clusters)
        self.inertia: Floats = np.asarray(inertia, np.float64)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_clusters: Sequence[int] = tuple(range(1, 11)),
        sample_weight: Any = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Fit a clone of the estimator for each number of clusters, one after the other, and plot.

        Parameters
        ----------
        estimator : estimator with a parameter ``n_clusters``
            A :class:`KMeans`, fitted or not; it is left as it is.
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).
        n_clusters : sequence of int, default=1, 2, ..., 10
            Numbers of clusters.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights, or the name of their column.
        ax : matplotlib Axes, default=None
            Where to plot. None: a new figure.
        **line_kw : dict
            Handed to matplotlib's ``plot``.

        Returns
        -------
        ElbowDisplay
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        counts = [int(k) for k in n_clusters]
        fits = (clone(estimator).set_params(n_clusters=k).fit(X, sample_weight=sample_weight) for k in counts)
        return cls(counts, [float(fit.inertia_) for fit in fits]).plot(ax, **line_kw)

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot. None: a new figure.
        **line_kw : dict
            Handed to matplotlib's ``plot``.

        Returns
        -------
        ElbowDisplay
            Itself, with ``ax_``, ``figure_`` and ``line_``.
        """
        self.ax_ = _axes(self, ax)
        self.figure_ = self.ax_.figure
        (self.line_,) = self.ax_.plot(self.n_clusters, self.inertia, **{"marker": "o"} | line_kw)
        self.ax_.set(xlabel="Number of clusters", ylabel="Inertia")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        return self


class SilhouetteDisplay:
    """Silhouettes of a sample of rows, cluster by cluster, the largest first; and their mean.

    Parameters
    ----------
    silhouettes : Silhouettes
        As `shardlearn.metrics.silhouette_samples` gives them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, once plotted.
    figure_ : matplotlib Figure
        The figure that holds them.
    areas_ : list of matplotlib PolyCollection
        One for each cluster that has rows in the sample, from below.
    line_ : matplotlib Line2D
        The mean.
    """

    ax_: Any
    figure_: Any
    areas_: list[Any]
    line_: Any

    def __init__(self, silhouettes: Silhouettes) -> None:
        self.silhouettes = silhouettes

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        metric: Distance | None = None,
        sample_size: int | None = 1000,
        random_state: Any = None,
        ax: Any = None,
        **area_kw: Any,
    ) -> Self:
        """Plot silhouettes of rows in the clusters that a fitted model gives them.

        Parameters
        ----------
        estimator : fitted estimator
            What has ``predict(X)``.
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).
        metric : {"euclidean", "cosine"}, default=None
            The distance. None: that of the model, where it has one of these, else "euclidean".
        sample_size : int, default=1000
            Rows whose silhouettes are computed, each against all rows. None: all.
        random_state : int or RandomState instance, default=None
            Of the sample. None: always the same rows.
        ax : matplotlib Axes, default=None
            Where to plot. None: a new figure.
        **area_kw : dict
            Handed to matplotlib's ``fill_betweenx``.

        Returns
        -------
        SilhouetteDisplay
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        found = silhouette_samples(X, estimator, metric=metric, sample_size=sample_size, random_state=random_state)
        return cls(found).plot(ax, **area_kw)

    @classmethod
    def from_labels(
        cls,
        X: Any,
        labels: Any,
        *,
        metric: Distance | None = None,
        sample_size: int | None = 1000,
        random_state: Any = None,
        ax: Any = None,
        **area_kw: Any,
    ) -> Self:
        """Plot silhouettes of rows in clusters that are known.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).
        labels : array of shape (n_samples,) or str
            The cluster of each row, or the name of the column that holds it.
        metric : {"euclidean", "cosine"}, default=None
            The distance. None: "euclidean".
        sample_size : int, default=1000
            Rows whose silhouettes are computed, each against all rows. None: all.
        random_state : int or RandomState instance, default=None
            Of the sample. None: always the same rows.
        ax : matplotlib Axes, default=None
            Where to plot. None: a new figure.
        **area_kw : dict
            Handed to matplotlib's ``fill_betweenx``.

        Returns
        -------
        SilhouetteDisplay
        """
        check_matplotlib_support(f"{cls.__name__}.from_labels")
        found = silhouette_samples(X, labels, metric=metric, sample_size=sample_size, random_state=random_state)
        return cls(found).plot(ax, **area_kw)

    def plot(self, ax: Any = None, **area_kw: Any) -> Self:
        """Draw an area for each cluster, and a line for the mean.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot. None: a new figure.
        **area_kw : dict
            Handed to matplotlib's ``fill_betweenx``.

        Returns
        -------
        SilhouetteDisplay
            Itself, with ``ax_``, ``figure_``, ``areas_`` and ``line_``.
        """
        self.ax_ = _axes(self, ax)
        self.figure_, self.areas_ = self.ax_.figure, []
        found, middles, below = self.silhouettes, [], 0
        labels = np.unique(found.label)
        for label in labels:
            values = np.sort(found.value[found.label == label])
            places = np.arange(below, below + len(values))
            self.areas_.append(self.ax_.fill_betweenx(places, 0.0, values, **{"step": "mid"} | area_kw))
            middles.append(below + (len(values) - 1) / 2)
            below += len(values) + 1 + len(found.value) // 50
        self.line_ = self.ax_.axvline(found.mean, linestyle="--", color="0.3", label=f"mean {found.mean:.2f}")
        self.ax_.set_yticks(middles, [str(label) for label in labels])
        self.ax_.set(xlabel=f"Silhouette of {len(found.value):,} rows", ylabel="Cluster")
        self.ax_.legend()
        return self


def _axes(display: Any, ax: Any) -> Any:
    check_matplotlib_support(f"{type(display).__name__}.plot")
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots()[1]
