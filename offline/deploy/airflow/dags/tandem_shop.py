"""The night of a shop as a DAG: extract ▶ transform ▶ features ▶ split ▶ train and publish.

Each task but the first is one command of `offline`; README.md beside this folder says what each does. Change the paths
below, or give others when you trigger a run.
"""

from datetime import datetime, timedelta, timezone
from glob import glob
from pathlib import Path

from airflow.sdk import Param, chain, dag, get_current_context, task
from tandem_notices import tell
from tandem_offline import Offline

# The paths are those of the compose file.
PARAMS = {
    "events": Param(
        ["/data/events.csv", "/events"],
        type="array",
        items={"type": "string"},
        minItems=1,
        description="Event logs: files, folders or patterns; the folder of the service's own log, too",
    ),
    "items": Param("/data/items.csv", type=["null", "string"], description="The item table"),
    "users": Param([], type="array", items={"type": "string"}, description="Tables of users"),
    "config": Param(None, type=["null", "string"], description="A TOML file of settings"),
    "artifacts": Param("/artifacts", type="string", description="Where versions and records of runs are"),
    "work": Param("/work", type="string", description="What a run leaves for people to look at"),
    "max_age_hours": Param(36, type="integer", minimum=0, description="How old the newest log may be; 0: any age"),
}
# Of a try; a night takes far less, and one that hangs must not keep the next from beginning.
LONGEST = timedelta(hours=6)
WORK = "{{ params.work }}"


def found(pattern: str) -> list[Path]:
    """The files of a path, a folder or a pattern."""
    path = Path(pattern)
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file()]
    return [Path(name) for name in glob(pattern)]


@task
def extract() -> dict[str, list[str]]:
    """Looks whether the logs of the night are there, and says how commands are to read them.

    Nothing is copied: `offline` reads logs where they are. A shop with its events in a database writes its export here.
    `plain` are the options of every command; `dated` also say when the item table was written.
    """
    params = get_current_context()["params"]
    newest = 0.0
    for pattern in params["events"]:
        files = found(pattern)
        # The folder of a service that nobody has asked yet is empty.
        if not files and not Path(pattern).is_dir():
            raise FileNotFoundError(f"{pattern}: no such log; look whether the shop's export was written")
        newest = max([newest, *(file.stat().st_mtime for file in files)])
        print(f"{pattern}: {len(files)} files, {sum(file.stat().st_size for file in files)} bytes")
    hours = (datetime.now(timezone.utc).timestamp() - newest) / 3600
    if params["max_age_hours"] and hours > params["max_age_hours"]:
        raise RuntimeError(f"the newest log is {hours:.1f} hours old; look whether tonight's export was written")

    plain = ["--events", *params["events"]]
    if params["users"]:
        plain += ["--users", *params["users"]]
    if params["config"]:
        plain += ["--config", params["config"]]
    dated = plain
    if params["items"]:
        written_ms = int(Path(params["items"]).stat().st_mtime * 1000)
        plain = [*plain, "--items", params["items"]]
        dated = [*plain, "--items-as-of", str(written_ms)]
    return {"plain": plain, "dated": dated}


@dag(
    dag_id="tandem_shop",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    tags=["tandem"],
    doc_md=__doc__,
    default_args={
        # After `[core] default_task_retry_delay`, five minutes, which doubles.
        "retries": 2,
        "retry_exponential_backoff": True,
        "execution_timeout": LONGEST,
        "on_retry_callback": tell("retry"),
        "on_failure_callback": tell("failure"),
    },
)
def shop() -> None:
    """The tasks and their order."""
    logs = extract()
    transform = Offline(
        task_id="transform",
        command=["ingest", "--report", f"{WORK}/ingest.json", "--rejects", f"{WORK}/rejects.jsonl"],
        reads=logs["dated"],
    )
    features = Offline(task_id="features", command=["rows", "--out", f"{WORK}/rows"], reads=logs["plain"])
    split = Offline(
        task_id="split",
        command=["evaluate", "--task", "next-item", "--test-events", f"{WORK}/held_out.jsonl"],
        reads=logs["plain"],
    )
    train_and_publish = Offline(
        task_id="train_and_publish",
        command=["run", "--wait", "600"],
        reads=logs["dated"],
        on_success_callback=tell("success"),
    )
    chain(transform, features, split, train_and_publish)


shop()
