"""`shardlearn.resume("runs/x")`: the fit of a checkpoint once more, from where it stood."""

from __future__ import annotations

import os
import re
from typing import Any

from shardlearn.core.errors import StorageError
from shardlearn.data import open_source
from shardlearn.storage.canonical import damaged
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.model import estimator_class, known_parameters
from shardlearn.storage.places import Place, place_of

from .checkpoint import FIT, checkpoint
from .identity import READING
from .journal import Recipe, unpacked

COMMAND = "command.json"
AGAIN = "run the same program again: inside `with shardlearn.checkpoint(...)` each fit goes on where it stood"


def resume(folder: str | os.PathLike[str], *, every: float | str = "30s") -> Any:
    """Finish the fit that `with shardlearn.checkpoint(folder)` stored: the same model, bit for bit.

    For one fit of data that have names: paths, globs or URIs, `y` and `sample_weight` as columns. What was fitted on
    arrays goes on when the same fit is called again in the same context.

    Parameters
    ----------
    folder : str or path
        What `shardlearn.checkpoint` was given.
    every : float or str, default="30s"
        As in `shardlearn.checkpoint`.

    Returns
    -------
    estimator
        Fitted.

    Raises
    ------
    StorageError
        There is no checkpoint, there are several fits, or the data have no names or changed.
    """
    place = place_of(folder)
    recipe = _recipe(place)
    if recipe.lacks:
        fix = "shardlearn resume, on the command line" if COMMAND in place.names() else AGAIN
        raise _refused(place, f"a fit that can't be called again by itself: {recipe.lacks}", fix)
    kind = estimator_class(recipe.estimator, str(place))
    estimator = kind(**known_parameters(recipe.parameters, kind, str(place)))
    data = recipe.data[0] if len(recipe.data) == 1 else list(recipe.data)
    source = open_source(data, **recipe.reading)
    try:
        with checkpoint(folder, every=every):
            return estimator.fit(source, y=recipe.target, sample_weight=recipe.weight)
    finally:
        source.close()


def _recipe(place: Place) -> Recipe:
    fits = [name for name in place.names() if re.fullmatch(r"fit-\d{4,}", name)]
    if len(fits) > 1:
        raise _refused(place, f"{len(fits)} fits", AGAIN)
    found = Checkpoints(place.inside(FIT.format(0)), None).newest()
    if found is None:
        raise _refused(place, "no checkpoint: nothing was saved there yet", "fit from the beginning")
    recipe, _ = unpacked(found, str(place))
    if recipe is None or set(recipe.reading) - set(READING):
        raise damaged(str(place), "no description of a fit", "SL5108")
    return recipe


def _refused(place: Place, found: str, fix: str) -> StorageError:
    return StorageError(
        f"{place} can't be resumed.",
        code="SL5114",
        found=found,
        needed="the checkpoint of one fit, of data that are named by paths or URIs",
        fix=fix,
    )
