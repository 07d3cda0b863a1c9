"""Tells a webhook what became of the night, in the form of the notices of `offline schedule` (SCHEDULE.md).

The receiver is the connection `tandem_notices`: its host is the URL, its password the secret that signs. Without that
connection nothing is told.
"""

import hashlib
import hmac
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from airflow.sdk import Connection, Context
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowTaskTimeout
from tandem_offline import Refused, run_id

CONNECTION = "tandem_notices"
# How often a notice is sent before it is given up, and how long an answer may take, in seconds.
TRIES, TIMEOUT = 3, 10
# The most figures, and the most characters of a text.
FIGURES, LONGEST = 12, 1000
NEXT_STEPS = {
    "success": "nothing",
    "retry": "nothing, it is tried again",
    "failure": "look into the log of the task, mend it, and clear the task: the tasks after it follow",
    "timeout": "give the task a longer execution_timeout, or look at what took so long",
    "refused": "see what the log or which settings lost; offline run --allow-shrink or --no-gate takes them",
}
log = logging.getLogger(__name__)


def tell(kind: str) -> Callable[[Context], None]:
    """A callback that tells of a task: `success`, `retry` or `failure`."""

    def callback(context: Context) -> None:
        try:
            receiver = Connection.get(CONNECTION)
        except AirflowNotFoundException:
            log.info("no connection %s: nobody is told", CONNECTION)
            return
        send(receiver.host or "", receiver.password, notice(kind, context))

    return callback


def notice(kind: str, context: Context) -> dict[str, Any]:
    """What is told of a task."""
    ti, error = context["ti"], context.get("exception")
    record = (ti.xcom_pull(task_ids=ti.task_id) if kind == "success" else None) or {}
    measured = (ti.xcom_pull(task_ids="split") if kind == "success" else None) or {}
    if isinstance(error, Refused) or record.get("status") == "refused":
        kind = "refused"
    elif kind == "failure" and isinstance(error, AirflowTaskTimeout):
        kind = "timeout"
    now, run = datetime.now(timezone.utc), run_id(context)
    told = {
        "id": f"{run}-{kind}",
        "kind": kind,
        "shop": "tandem",
        "job": ti.dag_id,
        "task": ti.task_id,
        "run": run,
        "at": f"{now.isoformat(timespec='seconds')}[UTC]",
        "seconds": round((now - ti.start_date).total_seconds(), 3),
        "attempts": ti.try_number,
        "reason": str(error)[:LONGEST] if error else record.get("reason"),
        "version": record.get("version"),
        "figures": [*figures(record), *figures(measured)][:FIGURES],
        "last_lines": [line[:LONGEST] for line in getattr(error, "last_lines", [])],
        "report": ti.log_url,
        "next_step": NEXT_STEPS[kind],
    }
    return {key: value for key, value in told.items() if value not in (None, [])}


def figures(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures of a run's record, with the ends of their intervals."""
    told = []
    for name, figure in record.get("metrics", {}).items():
        ends = [figure.get("low"), figure.get("high")]
        told.append({"name": name, "value": figure["value"]} | ({} if None in ends else {"interval": ends}))
    return told


def send(url: str, secret: str | None, told: dict[str, Any]) -> None:
    """Sends a notice; one that nobody takes is logged and lost, since a task must not fail for it."""
    body = json.dumps(told, ensure_ascii=False).encode()
    for attempt in range(TRIES):
        headers = {"content-type": "application/json", "tandem-notice": told["id"], "user-agent": "tandem"}
        if secret:
            seconds = int(time.time())
            signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
            headers["tandem-signature"] = f"t={seconds},v1={signed}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=TIMEOUT):
                log.info("told: %s", told["id"])
                return
        except (OSError, ValueError) as error:
            log.warning("the notice %s was not taken: %s", told["id"], error)
            time.sleep(2**attempt)
    log.error("the notice %s is lost", told["id"])
