"""What auto scaling bills: Spark's own list of executors, in a Spark that has executors beside its driver."""

import json
import os
import subprocess
import sys

from spark import server

# A process of its own: one has a single Spark, and the other tests share one that has no executors.
JOB = """
import json, sys, time
from pathlib import Path
from pyspark import SparkConf, SparkContext
from rental_etl.engine.spark_process import executor_seconds, open_session
from rental_etl.engine.spark_settings import SparkSettings

before = executor_seconds()
conf = SparkConf().setMaster("local-cluster[1,1,512]").setAppName("executors")
for name, value in (("executor.memory", "512m"), ("driver.memory", "512m"), ("ui.enabled", "false")):
    conf.set(f"spark.{name}", value)
context = SparkContext(conf=conf)
open_session(SparkSettings("512MB", 1, Path(sys.argv[1])))
scala = context._jsc.sc()

def until(condition):
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline, "the executors did not come or go"
        time.sleep(0.1)

until(lambda: executor_seconds() > 0)
came, began = executor_seconds(), time.monotonic()
time.sleep(2)
stayed, waited = executor_seconds() - came, time.monotonic() - began
ids = [scala.statusStore().executorList(False).apply(place).id() for place in range(2)]
(gone,) = [name for name in ids if name != "driver"]
scala.requestTotalExecutors(0, 0, context._jvm.PythonUtils.toScalaMap({}))
scala.killExecutors(context._jvm.PythonUtils.toSeq([gone]))
until(lambda: scala.statusStore().executorList(True).size() == 1)
first = executor_seconds()
time.sleep(1)
print(json.dumps({"before": before, "stayed": stayed, "waited": waited, "first": first, "later": executor_seconds()}))
"""


def test_an_executor_counts_for_as_long_as_it_was_there() -> None:
    """One that auto scaling took away again counts until then, and the driver not at all: its worker is billed with the job."""
    server.require()
    known = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
    command = [sys.executable, "-c", JOB, str(server.temp())]
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["before"] == 0
    assert abs(found["stayed"] - found["waited"]) < 0.5
    assert found["first"] == found["later"] >= found["stayed"]
