#!/usr/bin/env python3
"""Microseconds per prefix of `session_knn` beside those of Serenade (crate `serenade`), in one run on this machine.

    pip install polars libclang
    export LIBCLANG_PATH=...      # the folder of libclang.so: Serenade brings RocksDB, whose build asks for it
    python3 offline/compare/session_knn_vs_serenade.py RETAILROCKET_FOLDER

The folder has `sessions_train.parquet` and `sessions_test.parquet` with `timestamp`, `visitorid` (the session) and
`itemid`. Both sides: the same prefixes, one thread, the best 21 items, the time of retrieval alone. Serenade has its
published settings for such a log (500 nearest of the latest 1,000 sessions, the last 9 items), Tandem those of its preset.
Builds compare/serenade and the bench first.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

import polars as pl

OFFLINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
MICROSECONDS = {"ns": 1e-3, "µs": 1.0, "ms": 1e3, "s": 1e6}


def run(command, folder, **environment):
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def serenade(retailrocket):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for part in ("train", "test"):
            events = pl.read_parquet(f"{retailrocket}/sessions_{part}.parquet")
            files.append(f"{folder}/{part}.tsv")
            columns = {"SessionId": "visitorid", "ItemId": "itemid", "Time": pl.col("timestamp") // 1000}
            events.select(**columns).write_csv(files[-1], separator="\t")
        project = os.path.join(OFFLINE, "compare", "serenade")
        target = os.path.abspath(os.path.join(OFFLINE, "..", "target", "serenade"))
        told = run(["cargo", "run", "--release", "--quiet", "--", *files], project, CARGO_TARGET_DIR=target)
    line = next(line for line in told.splitlines() if line.startswith("serenade measured"))
    prefixes, mean = re.search(r"(\d+) prefixes, ([\d.]+) microseconds", line).groups()
    return line, int(prefixes), float(mean)


def tandem(retailrocket, prefixes):
    told = run(["cargo", "bench", "--workspace", "--bench", "session_knn"], OFFLINE,
               TANDEM_DATASETS=os.path.dirname(os.path.abspath(retailrocket)))
    mean, unit = re.search(r"time:\s+\[\S+ \S+ ([\d.]+) (\S+) ", told).groups()
    return float(mean) * MICROSECONDS[unit] / prefixes


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("retailrocket")
    folder = arguments.parse_args().retailrocket
    line, prefixes, theirs = serenade(folder)
    ours = tandem(folder, prefixes)
    print(line)
    print(f"tandem session_knn: {prefixes} prefixes, {ours:.1f} microseconds each; "
          f"Serenade needs {theirs / ours:.2f} times as long")
    return 0 if ours < theirs else 1


if __name__ == "__main__":
    sys.exit(main())
