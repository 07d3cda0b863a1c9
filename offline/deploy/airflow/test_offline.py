"""What the operator and the notices do apart from a DAG; `test.py` runs it with the Python of Airflow."""

import os
import sys
import tempfile
import threading
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent / "dags"))

import tandem_notices
from tandem_offline import CommandFailed, Offline, run_id


class Folder:
    """A folder with a program `offline` of a few lines, and what Airflow tells a task that uses it."""

    def __init__(self, path: str, program: str) -> None:
        self.path = Path(path)
        (self.path / "offline").write_text(f"#!/bin/sh\n{program}\n")
        (self.path / "offline").chmod(0o755)
        self.context: Any = {
            "params": {"artifacts": str(self.path / "artifacts"), "work": str(self.path / "work")},
            "ti": SimpleNamespace(task_id="train_and_publish", try_number=2),
            "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 27, 2, 30, tzinfo=timezone.utc)),
        }

    def variables(self, **more: str) -> Any:
        """The environment, with the program in it."""
        return patch.dict(os.environ, {"PATH": f"{self.path}:{os.environ['PATH']}", **more})


class TestOffline(unittest.TestCase):
    """The operator."""

    def test_a_command_ends_with_its_task(self) -> None:
        """Whoever stops the task stops the batch."""
        with tempfile.TemporaryDirectory() as name:
            folder = Folder(name, f"echo began > {name}/began; exec sleep 600")
            operator = Offline(task_id="train_and_publish", command=["run"], reads=[])
            raised: list[Exception] = []

            def work() -> None:
                try:
                    operator.execute(folder.context)
                except CommandFailed as error:
                    raised.append(error)

            with folder.variables():
                thread = threading.Thread(target=work, daemon=True)
                thread.start()
                end = time.monotonic() + 60
                while not (folder.path / "began").exists():
                    self.assertLess(time.monotonic(), end, "the command does not begin")
                    time.sleep(0.01)
                operator.on_kill()
                thread.join(60)
            self.assertFalse(thread.is_alive())
            self.assertIn("offline run: ended by signal 15", str(raised[0]))

    def test_a_command_gets_no_secret_of_airflow(self) -> None:
        """Variables of Tandem and MLflow go on, those of Airflow do not."""
        with tempfile.TemporaryDirectory() as name:
            folder = Folder(name, f"env > {name}/env")
            with folder.variables(AIRFLOW_CONN_SHOP="secret", TANDEM_PUBLISH__REDIS_URL="redis://r", MLFLOW_X="m"):
                Offline(task_id="train_and_publish", command=["run"], reads=[]).execute(folder.context)
            env = (folder.path / "env").read_text()
            self.assertNotIn("AIRFLOW", env)
            self.assertIn("TANDEM_PUBLISH__REDIS_URL=redis://r\n", env)
            self.assertIn("MLFLOW_X=m\n", env)
            self.assertIn("TANDEM_RUN_ID=airflow-20261127-023000-000000-2-train_and_publish\n", env)

    def test_a_failure_says_what_the_command_said(self) -> None:
        """The last complaint, with all of its lines."""
        with tempfile.TemporaryDirectory() as name:
            folder = Folder(name, "echo reads; echo error: no log >&2; echo look for it >&2; exit 1")
            with folder.variables(), self.assertRaises(CommandFailed) as raised:
                Offline(task_id="transform", command=["ingest"], reads=[]).execute(folder.context)
            self.assertEqual(str(raised.exception), "offline ingest: exit code 1: error: no log\nlook for it")
            self.assertEqual(raised.exception.last_lines, ["reads", "error: no log", "look for it"])

    def test_an_id_is_one_that_a_record_takes(self) -> None:
        """At most 64 letters, digits, - and _."""
        context = {"ti": SimpleNamespace(task_id="t" * 80, try_number=1), "dag_run": SimpleNamespace(run_after=NOW)}
        self.assertRegex(run_id(context), r"^[A-Za-z0-9_-]{64}$")  # type: ignore[arg-type]


class TestNotices(unittest.TestCase):
    """What is told."""

    def test_a_notice_that_nobody_takes_is_lost_and_costs_the_task_nothing(self) -> None:
        """Nobody listens there."""
        with patch.object(tandem_notices.time, "sleep"), self.assertLogs("tandem_notices", "WARNING") as logged:
            tandem_notices.send("http://127.0.0.1:1/secret", "secret", {"id": "n1"})
        self.assertEqual(logged.output[-1], "ERROR:tandem_notices:the notice n1 is lost")
        self.assertNotIn("secret", "".join(logged.output))

    def test_figures_have_intervals_where_there_are_some(self) -> None:
        """As in the notices of the scheduler."""
        record = {"metrics": {"a": {"value": 1.0, "low": 0.5, "high": 1.5}, "b": {"value": 2.0}}}
        told = [{"name": "a", "value": 1.0, "interval": [0.5, 1.5]}, {"name": "b", "value": 2.0}]
        self.assertEqual(tandem_notices.figures(record), told)


NOW = datetime(2026, 11, 27, 2, 30, tzinfo=timezone.utc)

if __name__ == "__main__":
    unittest.main()
