"""An operator that runs one command of `offline`, and knows from the record of its run what became of it."""

import json
import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

# How many of the last lines are told.
LINES = 12
# How long a command that was asked to end may take, in seconds.
GRACE = 30
# The variables that commands get: secrets of Airflow and of its connections are nothing to them.
PASSED = re.compile(r"PATH|HOME|TMPDIR|TZ|LANG|RUST_LOG|(TANDEM|MLFLOW)_.*")


class CommandFailed(AirflowException):
    """A command ended with an error; it may be tried again."""

    def __init__(self, reason: str, last_lines: Sequence[str]) -> None:
        super().__init__(reason)
        self.last_lines = list(last_lines)


class Refused(AirflowFailException):
    """The log was less than that of the champion, which stays; the same log would be refused again."""


class Offline(BaseOperator):
    """Runs `offline` with a command and the options of what it reads.

    `command` has the command and its own options, `reads` the options that `extract` made. The artifacts folder is the
    parameter `artifacts`. Returns the record of the run, `None` for a command that leaves none.
    """

    template_fields = ("command", "reads")

    def __init__(self, *, command: Sequence[str], reads: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.command = list(command)
        self.reads = reads
        self.process: subprocess.Popen[str] | None = None
        self.is_killed = False

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Runs the command; its lines go to the log of the task."""
        params = context["params"]
        run, runs = run_id(context), Path(params["artifacts"]) / "runs"
        Path(params["work"]).mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}
        environment |= {"TANDEM_ARTIFACTS__PATH": params["artifacts"], "TANDEM_RUN_ID": run, "TANDEM_RUNS": str(runs)}
        last_lines: deque[str] = deque(maxlen=LINES)
        self.process = subprocess.Popen(
            ["offline", *self.command, *self.reads],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        if self.is_killed:  # While it was started.
            self.on_kill()
        assert self.process.stdout is not None, "it is a pipe"
        for line in self.process.stdout:
            self.log.info("%s", line.rstrip())
            last_lines.append(line.rstrip())
        code = self.process.wait()
        self.process.stdout.close()
        record = record_of(runs / f"{run}.json")
        if code == 0:
            return record
        if record and record["status"] == "refused":
            raise Refused(record["reason"])
        raise CommandFailed(complaint(self.command[0], code, last_lines), last_lines)

    def on_kill(self) -> None:
        """Ends the command with the task: a batch that goes on would publish what nobody waits for."""
        self.is_killed = True
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def run_id(context: Context) -> str:
    """The id of a try, of letters, digits, `-` and `_`: another for each try, since a record names one run."""
    ti, begins = context["ti"], context["dag_run"].run_after
    return f"airflow-{begins:%Y%m%d-%H%M%S-%f}-{ti.try_number}-{ti.task_id}"[:64]


def record_of(path: Path) -> dict[str, Any] | None:
    """What a run left, without what it was told; `None` where it leaves nothing."""
    if not path.is_file():
        return None
    record = json.loads(path.read_text())
    kept = ("id", "command", "status", "reason", "version", "champion", "metrics", "gate")
    return {key: record[key] for key in kept if record.get(key) is not None}


def complaint(command: str, code: int, last_lines: Sequence[str]) -> str:
    """Why a command ended, in its own words where it said so."""
    lines = list(last_lines)
    errors = [at for at, line in enumerate(lines) if line.startswith("error: ")]
    said = "\n".join(lines[errors[-1] :]) if errors else "it said nothing"
    how = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
    return f"offline {command}: {how}: {said}"
