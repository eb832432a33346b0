"""The flags that verbs share."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from .output import Usage

DATA = Group("Data", sort_key=1)
RUN = Group("How it runs", sort_key=2)
OUTPUT = Group("Output", sort_key=3)
Paths = Annotated[str, Parameter(help="Files, folders, globs or URIs: Parquet, CSV (also .gz), svmlight.")]
SEVERAL = "Several: a,b,c, or the flag again; a name with a comma in double quotes: '\"a,b\",c'."


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class Rows:
    """Where rows come from."""

    data: Annotated[tuple[str, ...], Parameter(consume_multiple=True, help="The same as PATHS.")] = ()
    missing: Annotated[
        Literal["error", "drop"],
        Parameter(help="Rows that miss a value: error (the default) refuses them, drop leaves them out."),
    ] = "error"
    format: Annotated[
        Literal["parquet", "csv", "svmlight"] | None, Parameter(help="Format of the files (default: by their ending).")
    ] = None
    dtype: Annotated[
        Literal["float32", "float64"] | None, Parameter(help="Of the features (default: as the columns are).")
    ] = None
    n_features: Annotated[
        int | None, Parameter(help="Of svmlight files (default: as many as the largest index says).")
    ] = None
    zero_based: Annotated[bool, Parameter(help="svmlight files count features from 0, not from 1.")] = False

    def features(self) -> tuple[list[str] | None, list[str]]:
        """Columns to use (None: all) and not to use; a fitted model knows its own."""
        return None, []


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class Known(Rows):
    """Rows whose target is known."""

    target: Annotated[str | None, Parameter(help="Column to be predicted.")] = None
    weight: Annotated[str | None, Parameter(help="Column with the weights of rows.")] = None


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class Data(Known):
    """Rows to learn from, and what their columns are for."""

    columns: Annotated[tuple[str, ...], Parameter(help=f"Features, in this order (default: all). {SEVERAL}")] = ()
    drop_columns: Annotated[tuple[str, ...], Parameter(help=f"Columns that are no features. {SEVERAL}")] = ()

    def features(self) -> tuple[list[str] | None, list[str]]:
        """Columns to use (None: all) and not to use."""
        return listed(self.columns) or None, listed(self.drop_columns)


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class Run:
    """Who computes, and with how much memory; the model does not depend on it."""

    engine: Annotated[
        str | None,
        Parameter(help='"threads", "serial", "ray:auto", "ray:HOST:PORT" or "ray:local" (default: threads).'),
    ] = None
    workers: Annotated[
        str | None,
        Parameter(help="Threads, or Ray's worker processes, of these also 2-8 (default: as many as there are CPUs)."),
    ] = None
    memory: Annotated[
        str | None, Parameter(help='What a fit may add, as "200MB" or "1GB" (default: half of what is free).')
    ] = None
    progress: Annotated[bool, Parameter(negative="--no-progress", help="Show where it stands, after 2 seconds.")] = True


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class Output:
    """How a verb answers."""

    json: Annotated[bool, Parameter(help="One JSON object on stdout, and nothing else there.")] = False
    debug: Annotated[bool, Parameter(help="Show tracebacks, and the log on stderr.")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Training:
    """How a model is trained."""

    set_: Annotated[tuple[str, ...], Parameter(name="--set", help="A parameter: --set C=0.1, as often as needed.")] = ()
    holdout: Annotated[
        float, Parameter(group=DATA, help="Share of the rows to keep aside and evaluate on, for example 0.1.")
    ] = 0.0


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class Saving:
    """Where an answer is written."""

    out: Annotated[str, Parameter(help="Folder to write to.")]
    overwrite: Annotated[bool, Parameter(help="Replace what was written there before.")] = False


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class Stored(Saving):
    """Where a model is saved, and where its fit is stored while it runs."""

    checkpoint: Annotated[
        str | None,
        Parameter(help="Folder or URI to store the fit in while it runs; `shardlearn resume` goes on from there."),
    ] = None
    checkpoint_every: Annotated[
        str, Parameter(help='How much may be lost, as "30s" (the default), "5min"; 0: a round.')
    ] = "30s"


def listed(names: tuple[str, ...]) -> list[str]:
    """`a,b` and `c` as a, b, c; quoted as in CSV."""
    try:
        lines = [line for text in names for line in csv.reader([text], skipinitialspace=True, strict=True)]
    except csv.Error as error:
        raise Usage(f"Can't tell the names apart in {', '.join(names)}: {error}. {SEVERAL}") from None
    return [name.strip() for line in lines for name in line if name.strip()]
