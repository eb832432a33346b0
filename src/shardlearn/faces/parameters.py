"""Parameters are honoured or refused in words: none is ignored."""

from __future__ import annotations

from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

from shardlearn.core.errors import ParameterError

from .bases import BaseEstimator


def check_parameters(estimator: BaseEstimator) -> None:
    """Refuse a value of the wrong type or range, in scikit-learn's words (SL1001)."""
    name = type(estimator).__name__
    try:
        validate_parameter_constraints(
            estimator._parameter_constraints, estimator.get_params(deep=False), caller_name=name
        )
    except InvalidParameterError as error:
        raise ParameterError(str(error), code="SL1001", where=f"{name}(...)") from None


def refuse(estimator: BaseEstimator, parameter: str, *, why: str, fix: str) -> ParameterError:
    """The error for a value that scikit-learn takes and this estimator does not (SL1002)."""
    name, value = type(estimator).__name__, estimator.get_params(deep=False)[parameter]
    return ParameterError(
        f"{name} does not support {parameter}={value!r}.",
        code="SL1002",
        where=f"{name}({parameter}={value!r})",
        found=why,
        fix=fix,
    )
