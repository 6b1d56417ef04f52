"""Threads that read ahead leave processors to what waits for them."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import get_native_id

import duckdb
import pytest

from rental_etl.jobs.streaming import give_way


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of this kind")
def test_a_reading_thread_and_its_engine_give_way_and_no_other() -> None:
    """The thread that sends rows keeps its priority: whatever it waits for, the server waits for too."""

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, get_native_id())

    def reading() -> list[int]:
        with duckdb.connect(":memory:", config={"threads": 3}) as connection:
            connection.execute("select sum(range) from range(1000)")
            return [os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path("/proc/self/task").iterdir()]

    before = niceness()
    with ThreadPoolExecutor(max_workers=1, initializer=give_way) as pool:
        found = pool.submit(reading).result()
        assert pool.submit(niceness).result() == before + 5
    assert found.count(before + 5) >= 3
    assert niceness() == before
