#!/usr/bin/env python3
"""Runs the DAG in a real Airflow on the sample shop: a good night, a broken log, no log, and half of a log.

    python3 offline/deploy/airflow/test.py --offline target/release/offline --venv target/airflow

Installs Airflow into the folder of `--venv` if it is not there. Shows each task with its state and seconds; exits with
1 and says so where a night ended in another way than it should.
"""

import argparse
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import threading
import venv
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SAMPLE = ROOT / "data" / "sample"
DAG = "tandem_shop"
TASKS = ["extract", "transform", "features", "split", "train_and_publish"]
SECRET = "a secret of the test"


class Wrong(Exception):
    """Something is not as it should be."""


def expect(holds: bool, message: str) -> None:
    """Raises `Wrong` where something does not hold."""
    if not holds:
        raise Wrong(message)


class Receiver(ThreadingHTTPServer):
    """Takes notices, and refuses those whose signature is wrong."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.notices: list[dict[str, Any]] = []
        self.refused = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def taken(self) -> list[dict[str, Any]]:
        """The notices since the last call."""
        notices, self.notices = self.notices, []
        return notices


class Handler(BaseHTTPRequestHandler):
    """Checks a notice as SCHEDULE.md says."""

    server: Receiver

    def do_POST(self) -> None:
        """Takes a notice."""
        body = self.rfile.read(int(self.headers["content-length"]))
        parts = dict(part.split("=", 1) for part in self.headers["Tandem-Signature"].split(","))
        expected = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, "sha256").hexdigest()
        told = json.loads(body)
        if hmac.compare_digest(expected, parts["v1"]) and self.headers["Tandem-Notice"] == told["id"]:
            self.server.notices.append(told)
            self.send_response(204)
        else:
            self.server.refused += 1
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@dataclass
class Shop:
    """An Airflow of its own, and the folders of a shop."""

    programs: Path
    folder: Path
    receiver: Receiver
    environment: dict[str, str] = field(init=False)
    nights: int = 0

    def __post_init__(self) -> None:
        """Says where everything is."""
        url = f"http://127.0.0.1:{self.receiver.server_port}/notices"
        connection = {"conn_type": "http", "host": url, "password": SECRET}
        self.environment = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ} | {
            "PATH": f"{self.folder / 'bin'}:{self.programs}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW_CONN_TANDEM_NOTICES": json.dumps(connection),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def airflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of Airflow; what it prints stays in `airflow.log`."""
        command = [str(self.programs / "airflow"), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        with (self.folder / "airflow.log").open("a") as log:
            log.write(f"\n$ airflow {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done

    def told(self, *arguments: str) -> Any:
        """What a command of Airflow answers as JSON."""
        done = self.airflow(*arguments, "--output", "json")
        at = [at for at, line in enumerate(done.stdout.splitlines()) if line.startswith("[")]
        expect(done.returncode == 0 and bool(at), f"airflow {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return json.loads("\n".join(done.stdout.splitlines()[at[-1] :]))

    def night(self, title: str, passed_over: str = "", **params: Any) -> dict[str, str]:
        """Runs the DAG with parameters, shows its tasks, and returns the state of each.

        `passed_over` is a pattern of tasks that are taken for done.
        """
        date = (datetime(2026, 11, 1, tzinfo=timezone.utc) + timedelta(days=self.nights)).isoformat()
        self.nights += 1
        given = {"artifacts": str(self.artifacts), "work": str(self.folder / "work"), "max_age_hours": 0} | params
        over = ["--mark-success-pattern", passed_over] if passed_over else []
        done = self.airflow("dags", "test", DAG, date, "--conf", json.dumps(given), *over)
        states = {task["task_id"]: task for task in self.told("tasks", "states-for-dag-run", DAG, date)}
        expect(sorted(states) == sorted(TASKS), f"{title}: {sorted(states)}\n{done.stderr[-2000:]}")
        print(f"\n{title} (airflow dags test: exit code {done.returncode})")
        for name in TASKS:
            print(f"  {name:20}{states[name]['state']:18}{seconds(states[name]):>8}")
        return {name: states[name]["state"] for name in TASKS}

    @property
    def artifacts(self) -> Path:
        """The artifacts folder."""
        return self.folder / "artifacts"

    def champion(self) -> str:
        """The version that is served."""
        return (self.artifacts / "champion").read_text().strip()

    def versions(self) -> list[str]:
        """The versions that are there."""
        return sorted(path.parent.name for path in self.artifacts.glob("*/manifest.json"))

    def records(self) -> list[tuple[str, str]]:
        """The command and status of each recorded run, in the order of time."""
        runs = [json.loads(path.read_text()) for path in (self.artifacts / "runs").glob("airflow-*.json")]
        runs.sort(key=lambda run: run["started_ms"])
        return [(run["command"], run["status"]) for run in runs]


def seconds(state: dict[str, str]) -> str:
    """How long a task took; empty for one that did not run."""
    if not state["start_date"] or not state["end_date"] or state["state"] == "upstream_failed":
        return ""
    took = datetime.fromisoformat(state["end_date"]) - datetime.fromisoformat(state["start_date"])
    return f"{took.total_seconds():.1f} s"


def install(folder: Path) -> Path:
    """Makes the folder with Airflow, if it is not there or of other versions; returns where its programs are."""
    wanted = "".join((HERE / name).read_text() for name in ("requirements.txt", "requirements-test.txt"))
    mark, programs = folder / ".installed", folder / "bin"
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if not mark.is_file() or mark.read_text() != digest:
        print(f"installs Airflow into {folder}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(HERE / "requirements-test.txt")], check=True)
        mark.write_text(digest)
    return programs


def checked(shop: Shop, programs: Path) -> None:
    """Lints the Python of this folder, and runs its unit tests."""
    for arguments in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run([str(programs / "ruff"), *arguments, "--quiet", str(HERE)], check=False)
        expect(done.returncode == 0, f"ruff {arguments[0]} complains")
    command = [str(programs / "python"), "-m", "unittest", str(HERE / "test_offline.py")]
    done = subprocess.run(command, env=shop.environment, check=False)
    expect(done.returncode == 0, "unit tests fail")


def parsed(shop: Shop) -> None:
    """The DAG is found, and nothing of its folder can't be imported."""
    expect(shop.airflow("db", "migrate").returncode == 0, "airflow db migrate fails; see airflow.log")
    expect(shop.airflow("dags", "reserialize").returncode == 0, "airflow dags reserialize fails; see airflow.log")
    errors = shop.airflow("dags", "list-import-errors")
    expect(errors.returncode == 0 and "No data found" in errors.stdout, f"import errors: {errors.stdout}")
    expect([dag["dag_id"] for dag in shop.told("dags", "list")] == [DAG], "the DAG is not found")


def good_night(shop: Shop) -> None:
    """Everything succeeds, and the version is the champion."""
    states = shop.night("the sample", events=[str(SAMPLE / "events.csv")], items=str(SAMPLE / "items.csv"))
    expect(set(states.values()) == {"success"}, f"not all tasks succeed: {states}")
    champion = shop.champion()
    expect(shop.versions() == [champion], f"not one version, the champion: {shop.versions()}, {champion}")
    expect(shop.records() == [("evaluate", "succeeded"), ("run", "succeeded")], f"records: {shop.records()}")
    left = {path.name for path in (shop.folder / "work").rglob("*") if path.is_file()}
    wanted = {"ingest.json", "learn.parquet", "stop.parquet", "test.parquet", "held_out.jsonl"}
    expect(wanted <= left, f"the tasks left {left}")
    notices = shop.receiver.taken()
    expect([notice["kind"] for notice in notices] == ["success"], f"told: {notices}")
    expect(notices[0]["version"] == champion, f"told: {notices}")
    expect(any("interval" in figure for figure in notices[0]["figures"]), f"no figure has an interval: {notices}")
    print(f"  champion {champion}; told: success, with {len(notices[0]['figures'])} figures")


def kept(shop: Shop, champion: str, versions: list[str]) -> None:
    """Nothing was published."""
    expect(shop.champion() == champion, f"another champion: {shop.champion()}")
    expect(shop.versions() == versions, f"other versions: {shop.versions()}")


def broken_log(shop: Shop) -> None:
    """A log with too many bad rows fails when it is read, is tried again, and publishes nothing."""
    champion, versions = shop.champion(), shop.versions()
    lines = (SAMPLE / "events.csv").read_text().splitlines()
    broken = shop.folder / "broken.csv"
    rows = ["no time" + line if at % 5 == 0 else line for at, line in enumerate(lines[1:])]
    broken.write_text("\n".join([lines[0], *rows]))
    states = shop.night("a log of broken rows", events=[str(broken)], items=str(SAMPLE / "items.csv"))
    expected = ["success", "failed", "upstream_failed", "upstream_failed", "upstream_failed"]
    expect(list(states.values()) == expected, f"states: {states}")
    kept(shop, champion, versions)
    notices = shop.receiver.taken()
    told = [(notice["task"], notice["kind"], notice["attempts"]) for notice in notices]
    tries = [("transform", "retry", 1), ("transform", "retry", 2), ("transform", "failure", 3)]
    expect(told == tries, f"told: {told}")
    expect("offline ingest: exit code 1: error: " in notices[-1]["reason"], f"told: {notices[-1]}")
    print(f"  champion stays {champion}; told: retry, retry, failure: {notices[-1]['reason'].splitlines()[0]}")


def absent_log(shop: Shop) -> None:
    """A log that is not there fails at the first task."""
    champion, versions = shop.champion(), shop.versions()
    states = shop.night("no log", events=[str(shop.folder / "absent.csv")], items=None)
    expect(list(states.values()) == ["failed"] + ["upstream_failed"] * 4, f"states: {states}")
    kept(shop, champion, versions)
    notices = shop.receiver.taken()
    expect([notice["kind"] for notice in notices] == ["retry", "retry", "failure"], f"told: {notices}")
    expect("absent.csv: no such log" in notices[-1]["reason"], f"told: {notices[-1]}")
    print(f"  champion stays {champion}; told: {notices[-1]['reason']}")


def half_a_log(shop: Shop) -> None:
    """A log that lost half of its events is refused by the batch, once, and publishes nothing."""
    champion, versions = shop.champion(), shop.versions()
    lines = (SAMPLE / "events.csv").read_text().splitlines(keepends=True)
    half = shop.folder / "half.csv"
    half.write_text("".join([lines[0], *lines[1::2]]))
    over = "features|split"
    states = shop.night("half of the log", over, events=[str(half)], items=str(SAMPLE / "items.csv"))
    expect(list(states.values()) == ["success"] * 4 + ["failed"], f"states: {states}")
    kept(shop, champion, versions)
    expect(shop.records()[-1] == ("run", "refused"), f"records: {shop.records()}")
    notices = shop.receiver.taken()
    expect([(notice["kind"], notice["attempts"]) for notice in notices] == [("refused", 1)], f"told: {notices}")
    expect("gate.max_loss" in notices[0]["reason"], f"told: {notices[0]}")
    print(f"  champion stays {champion}; told: refused, and not tried again")


def main() -> int:
    """Installs, checks, and runs the nights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--offline", type=Path, default=ROOT / "target/release/offline", help="the program")
    parser.add_argument("--venv", type=Path, default=ROOT / "target/airflow", help="the folder of Airflow")
    arguments = parser.parse_args()
    if not arguments.offline.is_file():
        print(f"{arguments.offline}: no such program; build it by `make build`", file=sys.stderr)
        return 1
    programs = install(arguments.venv.resolve())
    with tempfile.TemporaryDirectory(prefix="tandem-airflow-") as name:
        shop = Shop(programs, Path(name), Receiver())
        (shop.folder / "bin").mkdir()
        (shop.folder / "bin/offline").symlink_to(arguments.offline.resolve())
        try:
            checked(shop, programs)
            parsed(shop)
            for case in (good_night, broken_log, absent_log, half_a_log):
                case(shop)
            expect(shop.receiver.refused == 0, "a notice was not signed as it should be")
        except Wrong as failed:
            log = (shop.folder / "airflow.log").read_text() if (shop.folder / "airflow.log").is_file() else ""
            print(f"{log[-8000:]}\nfailed: {failed}", file=sys.stderr)
            return 1
    print("\n4 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
