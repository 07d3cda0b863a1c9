"""Asks with the key of one shop for what another has, at random, while both are under load: `tenants.sh` starts it.

tenants.py URL FOLDER SECONDS    asks; the first answer that shows something of the other shop ends it
tenants.py --logs FOLDER         looks for each shop's events in the files of the other
"""
import http.client
import json
import random
import re
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

MARK = "oftheother-"
ODD = ["..%2Fbooks", "%2e%2e%2f..%2fbooks%2flog", "books:u000001", "u1%00", "%F0%9F%92%A1", "*", "books", "tandem:books:u000001"]
VALUES = [None, True, 0, -1, 1e308, "", "books", [], {}, [[]], {"a": 1}]


class Shop:
    """Calls with the key of one shop."""

    def __init__(self, url: str, folder: Path, name: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.key = (folder / name / "key").read_text().strip()

    def call(self, method: str, target: str, body: object = None, accept: str = "*/*") -> tuple[int, str]:
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json", "accept": accept}
        self.connection.request(method, target, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")


def ids_of(books: Shop, folder: Path, rng: random.Random) -> list[str]:
    """Ids of everything that the other shop has: users, items, slates, cursors, versions."""
    lines = [json.loads(line) for line in (folder / "books/events.jsonl").open()]
    ids = [rng.choice(lines)[key] for key in ("visitorid", "itemid") for _ in range(40)]
    for user in ids[:10]:
        slate = json.loads(books.call("GET", f"/recommendations?user_id={user}&k=5&served=skip")[1])
        ids += [slate["recommendation_id"], slate.get("cursor"), slate["model_version"]]
    ids.append(json.loads(books.call("GET", "/items?limit=3")[1]).get("cursor"))
    return [text for text in ids if text]


def ask(url: str, folder: Path, seconds: float) -> None:
    rng = random.Random(1)
    lamps, books = Shop(url, folder, "lamps"), Shop(url, folder, "books")
    ids = ids_of(books, folder, rng)
    (folder / "ids.json").write_text(json.dumps(ids))
    known = {item: books.call("GET", f"/items/{item}")[1] for item in ids[40:80]}
    description = json.loads(lamps.call("GET", "/openapi.json")[1])
    parameters = sorted({p["name"] for path in description["paths"].values() for call in path.values()
                         for p in call.get("parameters", []) if p["in"] == "query"})
    parameters += ["a_version", "b_version", "why", "model", "before", "q", "people"]
    fields = sorted({name for schema in description["components"]["schemas"].values() for name in schema.get("properties", {})})
    calls = [(path, method.upper()) for path, methods in description["paths"].items() for method in methods]
    # The pages and the doors of other clients are not in the description.
    calls += [(path, "GET") for path in ("/", "/ui/items", "/ui/item", "/ui/compare", "/ui/models", "/ui/health", "/api/user/{id}",
                                         "/api/users", "/api/items", "/api/item/{id}", "/api/feedback/view", "/api/recommend/{id}")]
    calls += [(path, "POST") for path in ("/api/session/recommend", "/personalize-ranking", "/v1/batch")]
    statuses: dict[int, int] = {}
    end, asked = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        path, method = rng.choice(calls)
        some = lambda: rng.choice(ids) if rng.random() < 0.8 else rng.choice(ODD)
        target = re.sub(r"\{[^}]*\}", lambda _: quote(some(), safe="%"), path)
        chosen = rng.sample(parameters, rng.randint(0, 4))
        target += "?" + "&".join(f"{name}={quote(some(), safe='%')}" for name in chosen) if chosen else ""
        body = None
        if method in ("POST", "PUT", "PATCH"):
            body = {name: rng.choice([some(), [some(), some()], rng.choice(VALUES)]) for name in rng.sample(fields, rng.randint(0, 6))}
        status, told = lamps.call(method, target, body, rng.choice(["*/*", "text/html"]))
        statuses[status] = statuses.get(status, 0) + 1
        asked += 1
        # What was asked may be quoted, and what lamps itself was told of comes back.
        for text in {*ids, *ODD}:
            told = told.replace(text, "").replace(quote(text, safe=""), "")
        if MARK in told:
            sys.exit(f"{method} {target} {json.dumps(body)}\nshows what is of the other shop: {told[:2000]}")
        if status >= 500 and status not in (501, 503):
            sys.exit(f"{method} {target} {json.dumps(body)}: {status} {told[:500]}")
    for item, before in known.items():
        now = books.call("GET", f"/items/{item}")[1]
        same = lambda text: {key: value for key, value in json.loads(text).items() if key in ("name", "price", "available", "categories")}
        if same(now) != same(before):
            sys.exit(f"{item} of the other shop changed: {before} -> {now}")
    for user in ids[:40]:
        for event in json.loads(books.call("GET", f"/users/{user}/history")[1])["events"]:
            if not event["item_id"].startswith(MARK):
                sys.exit(f"{user} of the other shop has {event}")
    print(f"{asked} calls with the key of lamps for what books has, {len(calls)} paths: nothing showed, nothing changed; "
          + ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))


def logs(folder: Path) -> None:
    """Of the files of a shop every user is its own, but for what lamps was told by `ask`, which knows some ids alone."""
    told = set(json.loads((folder / "ids.json").read_text()))
    for name in ("lamps", "books"):
        users: dict[bool, int] = {True: 0, False: 0}
        for file in sorted((folder / name / "log").glob("*.jsonl")):
            for line in file.read_text().splitlines():
                event = json.loads(line)
                if event.get("visitorid") and event.get("itemid"):
                    users[event["visitorid"].startswith(MARK)] += 1
                    if name == "lamps" and event["visitorid"].startswith(MARK) and event["visitorid"] not in told:
                        sys.exit(f"an event of books is in the log of lamps: {line}")
        if not users[name == "books"]:
            sys.exit(f"the log of {name} has none of its events")
        print(f"the log of {name}: {users[name == 'books']} events of its own, {users[name != 'books']} that name the other's users")
        if name == "books" and users[False]:
            sys.exit("events of lamps are in the log of books")


if sys.argv[1] == "--logs":
    logs(Path(sys.argv[2]))
else:
    ask(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
