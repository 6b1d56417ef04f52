"""Stands in for the Data APIs of Aurora and Redshift, over HTTP as boto3 speaks to them; a real server carries the statements out.

It answers as AWS documents: Aurora sleeps at first and says so, Redshift takes a statement and is asked for its outcome; both refuse a secret or a place
that is not theirs.
"""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg

CLUSTER = "arn:aws:rds:eu-west-1:123456789012:cluster:rental-etl"
AURORA_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-0a-AbCdEf"
REDSHIFT_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:redshift!rental-etl-admin-AbCdEf"
Answer = tuple[int, dict[str, Any]]


@dataclass(slots=True)
class DataApis:
    """The two services and the secret's name; `aurora` and `redshift` carry a statement out and say how many rows it gave, or raise."""

    aurora: Callable[[str], int]
    redshift: Callable[[str], int]
    url: str = ""
    sleeps: int = 2
    asked: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _statements: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def execute(self, given: dict[str, Any]) -> Answer:
        """RDS: ExecuteStatement."""
        if (given["resourceArn"], given["secretArn"]) != (CLUSTER, AURORA_SECRET):
            return _refused("AccessDeniedException", "not allowed to read the secret")
        if self.sleeps:
            self.sleeps -= 1
            return _refused("DatabaseResumingException", "the cluster is resuming after being auto-paused")
        self.asked.append("aurora")
        try:
            rows = self.aurora(given["sql"])
        except RuntimeError as error:
            return _refused("DatabaseErrorException", str(error))
        return 200, {"records": [[{"longValue": 1}]] * rows, "numberOfRecordsUpdated": 0}

    def submit(self, given: dict[str, Any]) -> Answer:
        """Redshift: ExecuteStatement."""
        if (given["WorkgroupName"], given["SecretArn"], given["Database"]) != ("rental-etl", REDSHIFT_SECRET, "prod"):
            return _refused("ValidationException", "no such workgroup, secret or database")
        self.asked.append("redshift")
        number = f"statement-{next(self._numbers)}"
        try:
            rows = self.redshift(given["Sql"])
            outcome: dict[str, Any] = {"Status": "FINISHED", "ResultRows": rows}
        except psycopg.Error as error:
            outcome = {"Status": "FAILED", "Error": f"ERROR: {error}"}
        self._statements[number] = [{"Status": "SUBMITTED"}, {"Status": "STARTED", "ResultRows": -1}, outcome]
        return 200, {"Id": number}

    def describe(self, given: dict[str, Any]) -> Answer:
        """Redshift: DescribeStatement. It takes a while."""
        steps = self._statements[given["Id"]]
        return 200, {"Id": given["Id"], **(steps.pop(0) if len(steps) > 1 else steps[0])}

    def secret(self, given: dict[str, Any]) -> Answer:
        """Secrets Manager: DescribeSecret."""
        if given["SecretId"] != "redshift!rental-etl-admin":
            return _refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return 200, {"ARN": REDSHIFT_SECRET, "Name": given["SecretId"]}


def _refused(kind: str, message: str) -> Answer:
    return 400, {"__type": kind, "message": message}


@contextmanager
def serving(apis: DataApis) -> Iterator[DataApis]:
    """Serve until the block ends; `url` is where."""
    operations = {
        "/Execute": apis.execute,
        "RedshiftData.ExecuteStatement": apis.submit,
        "RedshiftData.DescribeStatement": apis.describe,
        "secretsmanager.DescribeSecret": apis.secret,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, document = operations[self.headers.get("X-Amz-Target", self.path)](given)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status != 200:
                self.send_header("x-amzn-ErrorType", document["__type"])
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    apis.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield apis
    finally:
        server.shutdown()
        server.server_close()
