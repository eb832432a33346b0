"""The verbs and their arguments; what a verb does is imported when it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from shardlearn import __version__

from .flags import DATA, SEVERAL, Data, Known, Output, Paths, Rows, Run, Saving, Stored, Training
from .output import Usage

R = TypeVar("R", bound=Rows)
Model = Annotated[str, Parameter(help="Folder of a saved model.")]
app = App(
    name="shardlearn",
    help="Train, evaluate and apply models on tables larger than memory.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative="", show_default=False),
)


@app.command(usage="Usage: shardlearn inspect PATHS... [OPTIONS]")
def inspect(
    *paths: Paths,
    where: Data = Data(),  # noqa: B008  frozen
    whole: Annotated[
        bool, Parameter(group=DATA, help="Look at every row, however many (default: tables of up to 2 GB).")
    ] = False,
    run: Run = Run(),  # noqa: B008  frozen
    output: Output = Output(),  # noqa: B008  frozen
) -> int:
    """Say what a table holds, and all that would stop a fit. Trains nothing."""
    from .inspecting import inspect

    return inspect(found(paths, where), whole, run, output)


@app.command(usage="Usage: shardlearn fit ESTIMATOR PATHS... [--target COLUMN] --out FOLDER [OPTIONS]")
def fit(
    estimator: Annotated[str, Parameter(help="For example linear_model.LogisticRegression, or cluster.KMeans.")],
    /,
    *paths: Paths,
    where: Data = Data(),  # noqa: B008  frozen
    training: Training = Training(),  # noqa: B008  frozen
    saving: Stored,
    run: Run = Run(),  # noqa: B008  frozen
    output: Output = Output(),  # noqa: B008  frozen
) -> int:
    """Train a model and save it; KMeans and NearestNeighbors need no target.

    Ctrl-C once: the round ends, and the model as it is then is saved. Twice: exit at once.
    """
    from .command import Job
    from .fitting import fit

    return fit(Job(estimator, found(paths, where), training, saving), run, output)


@app.command(usage="Usage: shardlearn resume FOLDER [OPTIONS]")
def resume(
    folder: Annotated[str, Parameter(help="What `shardlearn fit --checkpoint` was given.")],
    /,
    *,
    run: Run = Run(),  # noqa: B008  frozen
    output: Output = Output(),  # noqa: B008  frozen
) -> int:
    """Go on with a fit that was stopped or killed: the same model as without that, saved where it was to be saved."""
    from .resuming import resume

    return resume(folder, run, output)


@app.command(usage="Usage: shardlearn evaluate MODEL PATHS... [OPTIONS]")
def evaluate(
    model: Model,
    /,
    *paths: Paths,
    where: Known = Known(),  # noqa: B008  frozen
    run: Run = Run(),  # noqa: B008  frozen
    output: Output = Output(),  # noqa: B008  frozen
) -> int:
    """Measure a saved model on rows whose target is known; of clusters: inertia, and the silhouette of 1,000 rows."""
    from .evaluating import evaluate

    return evaluate(model, found(paths, where), run, output)


@app.command(usage="Usage: shardlearn predict MODEL PATHS... --out FOLDER [OPTIONS]")
def predict(
    model: Model,
    /,
    *paths: Paths,
    where: Rows = Rows(),  # noqa: B008  frozen
    keep: Annotated[
        tuple[str, ...], Parameter(help=f"Columns to write beside the predictions, such as ids. {SEVERAL}")
    ] = (),
    saving: Saving,
    run: Run = Run(),  # noqa: B008  frozen
    output: Output = Output(),  # noqa: B008  frozen
) -> int:
    """Write a saved model's predictions to Parquet, in the order of the rows."""
    from .predicting import Job, predict

    return predict(Job(model, found(paths, where), keep, saving), run, output)


@app.command
def report(model: Model, /, *, output: Output = Output()) -> int:  # noqa: B008  frozen
    """Show how a saved model was trained."""
    from .reporting import report

    return report(model, output)


@app.command
def config(*, output: Output = Output()) -> int:  # noqa: B008  frozen
    """Show every setting, and where it comes from."""
    from .settings import show

    return show(output)


@app.command
def doctor(
    *,
    address: Annotated[
        str,
        Parameter(help='Of a Ray cluster: "auto" (the default), "host:port", or "local" for a private one made here.'),
    ] = "auto",
    allow_insecure: Annotated[bool, Parameter(help="Join it also if it asks for no token.")] = False,
    output: Output = Output(),  # noqa: B008  frozen
) -> int:
    """Say whether a Ray cluster can be used: versions, token, ports, clocks, disks, CPUs, memory; and what to do."""
    from .doctor import doctor

    return doctor(address, allow_insecure, output)


def found(paths: tuple[str, ...], where: R) -> R:
    """Where the rows come from, whichever way they were named."""
    data = (*paths, *where.data)
    if not data:
        raise Usage("PATHS are missing: files, folders or globs that hold the rows")
    return replace(where, data=data)
