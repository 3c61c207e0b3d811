"""Fixtures that several folders of tests share."""

from __future__ import annotations

import logging
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, nothing about the code.
settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")
# One thread for each worker of the tests, and for what it starts: more threads than cores wait for
# one another. Read by torch when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell that starts the tests in the background lets its children ignore Ctrl-C; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _log_levels() -> None:
    """A command that was run in this process with ``--quiet`` does not silence the next test."""
    for name in ("probe", "generators"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)


@contextmanager
def _no_longer_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def file_limit() -> Callable[[int], AbstractContextManager[None]]:
    """Inside ``file_limit(n)`` no file can be written beyond n bytes, as on a full disk."""
    return _no_longer_than


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real MBPP; tests that need it are skipped without it."""
    named = os.environ.get("PROBE_DATA_DIR")
    if not named:
        pytest.skip("PROBE_DATA_DIR is not set")
    return Path(named).resolve()


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of real models: ``PROBE_CACHE_DIR``, or one folder for this run of the tests."""
    named = os.environ.get("PROBE_CACHE_DIR")
    return Path(named) if named else tmp_path_factory.getbasetemp().parent / "models"
