"""Which engine a fit uses: argument and context, process, environment, file, default; threads, forks and joblib."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import pytest
from tests.engines.fakes import FloatSum, random_blocks
from tests.engines.joblib_task import in_a_worker
from tests.engines.test_conformance import reference
from tests.engines.test_threads import in_a_forked_child

import shardlearn
from shardlearn.core.errors import ParameterError
from shardlearn.core.query import Query
from shardlearn.engines import current, engine, set_engine
from shardlearn.engines.machine import cpus


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("ENGINE", "WORKERS", "MEMORY"):
        monkeypatch.delenv(f"SHARDLEARN_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    set_engine()


def told() -> tuple[str, int, int | None]:
    now = current()
    return now.name, now.workers, now.memory


def fits() -> bool:
    """Whether a fold here gives what it gives alone."""
    return in_a_worker()[2] == reference(random_blocks(), Query(FloatSum())).tobytes()


def test_default_is_all_cpus_and_half_of_what_is_free() -> None:
    now = current()
    assert (now.name, now.workers) == ("threads", cpus()[0])
    assert now.workers_from == cpus()[1]
    assert now.memory_from.startswith("half of the ")
    assert now.memory is not None
    assert current() is now


def test_precedence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shardlearn.toml").write_text('engine = "threads:2"\nmemory = "1GB"\n')
    assert told() == ("threads", 2, 10**9)
    assert current().memory_from == str(tmp_path / "shardlearn.toml")
    monkeypatch.setenv("SHARDLEARN_ENGINE", "threads:3")
    assert told() == ("threads", 3, 10**9)
    assert current().workers_from == "SHARDLEARN_ENGINE"
    set_engine(workers=4)
    assert told() == ("threads", 4, 10**9)
    with engine(memory="2GB") as now:
        assert told() == ("threads", 4, 2 * 10**9)
        assert now is current()
        with engine("threads", workers=5):
            assert told() == ("threads", 5, 2 * 10**9)
        with engine("serial"):
            assert told() == ("serial", 1, 2 * 10**9)
            with engine("threads"):
                assert told() == ("threads", 4, 2 * 10**9)
    set_engine()
    assert told() == ("threads", 3, 10**9)


def test_only_on_ray_do_workers_join_and_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    for ask in (lambda: engine("threads", workers=(2, 8)), lambda: engine("serial", workers="2-8")):
        with pytest.raises(ParameterError, match="Only on Ray do workers join and leave") as caught, ask():
            pass
        assert caught.value.found.startswith("workers=(2, 8), and the engine")
        assert caught.value.where == "with shardlearn.engine(...)"
    monkeypatch.setenv("SHARDLEARN_WORKERS", "2-8")
    with pytest.raises(ParameterError, match="Only on Ray") as caught:
        current()
    assert caught.value.where == "SHARDLEARN_WORKERS"
    with engine("threads", workers=(3, 3)):
        assert told()[1] == 3


@pytest.mark.parametrize("workers", [(8, 2), (0, 2), (1, 2, 3), "8-2", "2-", "-2", "2-x", (1,)])
def test_what_is_no_number_of_workers(workers: Any) -> None:
    with pytest.raises(ParameterError, match="workers"), engine("ray", workers=workers):
        pass


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDLEARN_WORKERS", "3")
    assert told()[:2] == ("threads", 3)
    monkeypatch.setenv("SHARDLEARN_ENGINE", "threads")
    assert told()[:2] == ("threads", 3), "both are the settings'"
    monkeypatch.setenv("SHARDLEARN_ENGINE", "serial")
    monkeypatch.setenv("SHARDLEARN_MEMORY", "100MB")
    assert told() == ("serial", 1, 10**8)
    monkeypatch.setenv("SHARDLEARN_MEMORY", "much")
    with pytest.raises(ParameterError, match="not a size") as caught:
        current()
    assert caught.value.where == "SHARDLEARN_MEMORY"


def test_engines_that_are_none() -> None:
    with pytest.raises(ParameterError, match="no engine 'dask'"), engine("dask"):
        pass
    with pytest.raises(ParameterError, match="must be >= 1"), engine("threads:0"):
        pass
    with pytest.raises(ParameterError, match="must be >= 1"), engine(workers=0):
        pass
    with pytest.raises(ParameterError, match="are for the engine 'ray'"), engine("threads", address="auto"):
        pass
    with pytest.raises(ParameterError, match="threads_per_worker == 0"):
        set_engine("ray", threads_per_worker=0)


def test_public_names() -> None:
    assert shardlearn.engine is engine
    assert shardlearn.set_engine is set_engine
    import shardlearn.engines as room

    with pytest.raises(AttributeError, match="nothing"):
        _ = room.nothing


def test_the_context_is_left_after_an_error() -> None:
    before = told()[:2]
    with pytest.raises(ZeroDivisionError), engine("serial"):
        _ = 1 / 0
    assert told()[:2] == before


def test_a_with_block_is_this_context_only() -> None:
    with engine("threads", workers=3):
        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(told()))
        thread.start()
        thread.join()
    assert seen[0][1] == cpus()[0]


def test_a_fit_from_a_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fits).result()


def test_two_fits_at_once() -> None:
    with ThreadPoolExecutor(2) as pool:
        engines = list(pool.map(lambda _: current(), range(2)))
        assert engines[0] is engines[1]
        assert all(pool.map(lambda _: fits(), range(8)))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fit_in_a_forked_child() -> None:
    assert fits()
    assert in_a_forked_child(fits)
    with engine("threads", workers=3):
        assert fits()
        assert in_a_forked_child(lambda: told()[1] == 3 and fits())
    assert fits()


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_inside_a_joblib_worker_the_default_is_one_thread(
    backend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with joblib.parallel_config(backend=backend):
        got = joblib.Parallel(n_jobs=2)(joblib.delayed(in_a_worker)() for _ in range(2))
    assert {(workers, bits) for workers, _, bits in got} == {(1, in_a_worker()[2])}
    assert "joblib" in got[0][1]


def test_inside_a_joblib_thread_the_pool_is_shared() -> None:
    got = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(in_a_worker)() for _ in range(3))
    assert {(workers, bits) for workers, _, bits in got} == {(cpus()[0], in_a_worker()[2])}


def test_signal_handlers_are_left_alone() -> None:
    import signal

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert fits()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
