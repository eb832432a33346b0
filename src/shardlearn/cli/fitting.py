"""`shardlearn fit`: train a model, measure it on rows kept aside, save it."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from inspect import signature
from typing import Any

from shardlearn import storage
from shardlearn.core.errors import Interrupted, StorageError
from shardlearn.data import Source, lay_out
from shardlearn.data.files import without_secrets
from shardlearn.observe.words import percent
from shardlearn.storage.atomic import BESIDE, MANIFEST, STORED, TEMPORARY
from shardlearn.storage.places import place_of

from . import record
from .command import Job, free, storing
from .flags import Data, Output, Run, listed
from .holdout import split
from .opening import running, source_of
from .output import Answer, Usage, answering
from .scores import table
from .stopping import Signals, stoppable
from .values import estimator_place, parameters

MODEL = "a saved model"


def fit(job: Job, run: Run, output: Output) -> int:
    """The verb; returns the exit code."""
    if not 0.0 <= job.training.holdout < 1.0:
        raise Usage(f"--holdout takes a share of the rows from 0 up to 1, got {job.training.holdout}")
    place = estimator_place(job.estimator)
    job = free(job)
    check_free(job.saving.out, job.saving.overwrite)
    with answering(output) as answer, running(run):
        source = source_of(job.where)
        try:
            lay_out(source, job.where.target, job.where.weight)  # what it refuses is said before the second
            kind = place.load()  # that importing scikit-learn takes
            roles(kind, job.where)
            estimator = kind(**parameters(kind, job.training.set_))
            check_kept(estimator, job.training.holdout)
            return _fit(job, run, estimator, source, answer)
        finally:
            source.close()


def _fit(job: Job, run: Run, estimator: Any, source: Source, answer: Answer) -> int:
    train, held = split(source, job.training.holdout) if job.training.holdout else (source, None)
    with stoppable() as signals, storing(job, run):
        stopped = _train(estimator, train, job.where, signals)
    storage.save(estimator, job.saving.out, overwrite=job.saving.overwrite)
    _tell(job, estimator, answer)
    if held is not None and not stopped:
        stopped = not _measured(job, estimator, held, answer)
    if stopped:
        folder = job.saving.checkpoint and without_secrets(job.saving.checkpoint)
        goes_on = f"; shardlearn resume {folder} goes on" if folder else ""
        answer.note(f"interrupted: what was learned until then is saved{goes_on}")
    return answer.finish(130 if stopped else 0)


def _train(estimator: Any, train: Source, where: Data, signals: Signals) -> bool:
    """Fit; returns whether it was stopped before its end."""
    try:
        estimator.fit(train, **roles(type(estimator), where))
    except Interrupted:
        if signals.at_once or not hasattr(estimator, "report_"):
            raise
    report = estimator.report_
    told = {"threads": "--workers", "memory_from": "--memory"}
    flags = {name: getattr(report, name).replace("with shardlearn.engine(...)", flag) for name, flag in told.items()}
    estimator.report_ = replace(report, **flags)
    return signals.times > 0


def _measured(job: Job, estimator: Any, held: Source, answer: Answer) -> bool:
    """Evaluate on the rows kept aside; False when that was interrupted. The model is saved already."""
    share = job.training.holdout
    from .measuring import measure

    try:
        scores = {"share": share, **asdict(measure(estimator, held, job.where.target, job.where.weight))}
    except KeyboardInterrupt:
        return False
    record.write(job.saving.out, {"holdout": scores})
    answer.put(holdout=scores)
    answer.say(f"on {percent(share)} of the rows, kept aside:")
    answer.table(table(scores))
    return True


def _tell(job: Job, estimator: Any, answer: Answer) -> None:
    name = type(estimator).__name__
    print_ = storage.fingerprint(estimator)
    stored = None if job.saving.checkpoint is None else str(place_of(job.saving.checkpoint))
    path = record.write(
        job.saving.out,
        {
            "estimator": name,
            "fingerprint": print_,
            "data": list(job.where.data),
            "target": job.where.target,
            "weight": job.where.weight,
            "columns": listed(job.where.columns) or None,
            "checkpoint": stored,
        },
    )
    answer.put(estimator=name, out=job.saving.out, fingerprint=print_, report=estimator.report_.to_dict())
    answer.say(f"{name} saved in {job.saving.out}")
    shown = [line for line in estimator.report_.lines() if line[0] not in ("versions", "started")]
    answer.table([*shown, ("model", print_[:16]), ("report", str(path))])


def roles(kind: Any, where: Data) -> dict[str, str]:
    """What `fit` is told of columns that are no features; refuses what this estimator needs and lacks, or can't use."""
    known = signature(kind.fit).parameters
    if where.target is None and known["y"].default is not None:
        raise Usage("--target is missing: the column to be predicted (of svmlight files: target)")
    if where.weight is not None and "sample_weight" not in known:
        raise Usage(f"{kind.__name__} takes no weights: leave --weight out")
    found = {"y": where.target, "sample_weight": where.weight}
    return {name: column for name, column in found.items() if column is not None}


def check_kept(estimator: Any, holdout: float) -> None:
    """Refuse what could not be saved after the fit: rows that a model refers to have to have names."""
    if holdout and estimator.get_params(deep=False).get("store", "rows") != "rows":
        why = "refers to the files that it was fitted on, and rows without those kept aside are no file"
        raise Usage(f"{type(estimator).__name__} {why}: --set store=rows, or leave --holdout out")


def check_free(folder: str, overwrite: bool) -> None:
    """Refuse before hours of work what would be refused after them."""
    if not folder:
        raise Usage("--out takes the name of a folder, got an empty one")
    found = _in_the_way(folder, overwrite)
    if found:
        raise StorageError(
            f"Can't save to {folder}.",
            code="SL5102",
            found=found,
            needed="a new or empty folder that may be written to",
            fix="--overwrite replaces it" if found == MODEL else "--out another one",
        )


def _in_the_way(folder: str, overwrite: bool) -> str:
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        return "a file"
    if not os.access(above, os.W_OK):
        return "no permission to write"
    names = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    ours = {name for name in names if STORED.fullmatch(name) or TEMPORARY.fullmatch(name) or name in (MANIFEST, BESIDE)}
    if names != ours:
        return "a folder that holds other things"
    return MODEL if MANIFEST in names and not overwrite else ""
