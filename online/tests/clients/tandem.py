"""Our own client for Python against a running service: python3 tandem.py URL KEY README"""
import asyncio
import importlib
import json
import pkgutil
import re
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import tandem_client
from tandem_client import NewEvent, NewImpression, Patience, RecommendationQuery, Tandem, TandemError, models
from tandem_client.api.events import send_events
from tandem_client.api.items import get_popular_items, put_item
from tandem_client.api.users import get_history
from tandem_client.models.merge_of import MergeOf

url, key, readme = sys.argv[1:4]
tandem = Tandem(url, key)
item = tandem.ask(get_popular_items).items[0].item_id


def fields(model, **values):
    return model.from_dict(values)


# What each call is asked, by its name, in this order; a number is the status of the refusal that is right.
row = {"income": 20.5, "colour": "red", "at": "2026-03-01T03:00:00", "note": None}
CALLS = {
    "get_health": {}, "get_ready": {}, "get_metrics": {},
    "get_recommendations": dict(user_id="u1", k=3, exclude=["ink", "pen"], seen="allow"),
    "recommend": dict(body=RecommendationQuery(user_id="u1", explain=True)),
    "explain": dict(user_id="u1", k=3, of_items=["ink", "rope"]),
    "home": dict(body=models.HomeQuery(user_id="u1")),
    "rank": dict(body=models.RankQuery(user_id="u1", items=["ink", "rope"])),
    "get_segments": dict(user_id="u1", of="category"),
    "get_popular_items": dict(k=2), "get_similar_items": [item], "get_items_bought_together": [item],
    "list_items": dict(limit=2), "get_item": [item],
    "put_item": ([item], dict(body=fields(models.PutItemBody, price=5.5, categories=["fruit"]))),
    "put_items": dict(body=[fields(models.PutItemsBodyItem, item_id=item, price=6.5)]),
    "withdraw_item": ["nothing"],
    "send_events": dict(body=[NewEvent(visitorid="u1", itemid=item, event="view"),
                              NewImpression(event=models.ImpressionWord.IMPRESSION, visitorid="u1", recommendation_id="r", items=[item])]),
    "put_user": (["u1"], dict(body=fields(models.PutUserBody, age=34, plan=None))),
    "put_users": dict(body=[fields(models.PutUsersBodyItem, user_id="u1", city="Bern")]),
    "get_user": ["u1"], "list_users": dict(limit=3), "get_history": ["u1"],
    "merge_users": (["u1"], dict(body=MergeOf(session_id="s1"))),
    "undo_merge": (["u1"], dict(body=MergeOf(session_id="s1"))),
    "erase_user": ["u2"],
    "get_version_metadata": {}, "get_version_params": {}, "get_version_metrics": {}, "list_reports": {},
    "get_report": (["none"], 404),
    "list_models": {}, "get_model": ["loans"], "get_model_metadata": ["loans"], "get_model_params": ["loans"],
    "get_model_metrics": ["loans"], "get_model_schema": ["loans"], "get_model_drift": ["loans"],
    "predict": (["loans"], dict(body=fields(models.GivenRowsType0, **row), explain=True)),
    "send_rows": (["loans"], 400),
}


def every_call_once():
    modules = pkgutil.walk_packages(tandem_client.api.__path__, "tandem_client.api.")
    calls = {module.name.split(".")[-1]: importlib.import_module(module.name) for module in modules if not module.ispkg}
    assert set(calls) == set(CALLS), f"untried: {set(calls) ^ set(CALLS)}"
    for name, asked in CALLS.items():
        parts = asked if isinstance(asked, tuple) else (asked,)
        path = next((part for part in parts if isinstance(part, list)), [])
        parameters = next((part for part in parts if isinstance(part, dict)), {})
        refusal = next((part for part in parts if isinstance(part, int)), None)
        if name == "send_rows":
            parameters = dict(body=[fields(models.GivenRowsType1Item, **row)])
        try:
            answer = tandem.ask(calls[name], *path, **parameters)
            assert refusal is None, f"{name} is not refused"
            assert "get_metrics" == name or getattr(answer, "additional_properties", {}) == {} or "metrics" in name, (name, answer)
        except TandemError as error:
            assert error.status == refusal and error.problem.detail, f"{name}: {error}"
        except Exception as error:
            raise AssertionError(f"{name}: {error!r}") from error


def errors_and_types():
    try:
        tandem.ask(get_popular_items, k=0)
        sys.exit("k = 0 is accepted")
    except TandemError as error:
        assert (error.status, error.problem.field) == (400, "k"), error
    stranger = Tandem(url, "none", patience=Patience(retries=0))
    try:
        stranger.ask(get_popular_items)
        sys.exit("a wrong key is accepted")
    except TandemError as error:
        assert error.status == 401, error
    predicted = tandem.ask(importlib.import_module("tandem_client.api.models.predict"), "loans",
                           body=fields(models.GivenRowsType0, **row))
    assert isinstance(predicted, models.PredictedRow) and 0 < predicted.probability < 1 and predicted.model == "loans"
    many = tandem.ask(importlib.import_module("tandem_client.api.models.predict"), "loans",
                      body=[fields(models.GivenRowsType1Item, **row)] * 2)
    assert isinstance(many, models.PredictedRows) and len(many.predictions) == 2, many
    both = asyncio.run(ask_twice())
    assert [len(answer.items) for answer in both] == [2, 3], both


async def ask_twice():
    other = Tandem(url, key)
    answers = await asyncio.gather(other.ask_async(get_popular_items, k=2), other.ask_async(get_popular_items, k=3))
    await other.close_async()
    return answers


class Faulty(BaseHTTPRequestHandler):
    """The service behind a bad line: does to each request what is next in `plan`."""
    protocol_version = "HTTP/1.1"
    plan, seen = [], []

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.seen.append((time.monotonic(), self.command, body))
        does = self.plan.pop(0) if self.plan else "pass"
        if does in ("503", "429"):
            self.send_response(int(does))
            self.send_header("retry-after", "1")
            self.send_header("content-type", "application/problem+json")
            told = json.dumps({"type": "about:blank", "title": "", "status": int(does), "detail": "a test"}).encode()
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)
            return
        headers = {"X-API-Key": key, "content-type": "application/json"}
        answer = httpx.request(self.command, url + self.path, content=body, headers=headers)
        if does == "drop":
            # The service has it; who sent it never hears.
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


def what_passes_is_tried_again():
    lost = [f"lost-{uuid.uuid4()}" for _ in range(3)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    faulty = Tandem(f"http://127.0.0.1:{server.server_port}", key)

    def tried(plan, call):
        Faulty.plan, Faulty.seen = list(plan), []
        return call(), Faulty.seen

    accepted, seen = tried(["503", "drop"], lambda: faulty.send(NewEvent(visitorid=lost[0], itemid=item, event="view")))
    ids = {json.loads(body)[0]["event_id"] for _, _, body in seen}
    assert len(seen) == 3 and len(ids) == 1 and accepted.new == 0, (seen, accepted)
    assert seen[1][0] - seen[0][0] >= 1, "Retry-After is not waited for"
    assert len(tandem.ask(get_history, lost[0]).events) == 1, "the event is to count once"
    _, seen = tried(["drop", "drop", "503"], lambda: faulty.recommend("u1"))
    assert len(seen) == 4, seen
    # Without a list, and by the generated call itself.
    one = NewEvent(visitorid=lost[1], itemid=item, event="view")
    _, seen = tried(["drop"], lambda: send_events.sync(client=faulty.client, body=one))
    assert len(seen) == 2 and len(tandem.ask(get_history, lost[1]).events) == 1, seen
    # What may not be sent twice is not, unless it was refused unread; and there is an end of tries.
    body = models.PutItemBody.from_dict({"price": 7})
    for plan, call, status, times in [(["503"], lambda: faulty.ask(put_item, item, body=body), 503, 1),
                                      (["503"] * 9, lambda: faulty.ask(get_popular_items), 503, 4)]:
        try:
            tried(plan, call)
            sys.exit("a refusal is hidden")
        except TandemError as error:
            assert (error.status, len(Faulty.seen)) == (status, times), (error, Faulty.seen)
    try:
        tried(["drop"], lambda: faulty.ask(put_item, item, body=body))
        sys.exit("a broken connection is hidden")
    except httpx.TransportError:
        assert len(Faulty.seen) == 1
    _, seen = tried(["429"], lambda: faulty.ask(put_item, item, body=body))
    assert len(seen) == 2 and all(command == "PUT" for _, command, _ in seen), seen

    async def async_too():
        Faulty.plan, Faulty.seen = ["503", "drop"], []
        other = Tandem(f"http://127.0.0.1:{server.server_port}", key)
        events = [NewEvent(visitorid=lost[2], itemid=item, event="view")]
        answer = await other.ask_async(send_events, body=events)
        await other.close_async()
        return answer

    assert asyncio.run(async_too()).new == 0 and len(Faulty.seen) == 3, Faulty.seen
    faulty.close()
    server.shutdown()


def the_example_runs():
    example = re.search(r"```python\n(.*?)```", open(readme).read(), re.DOTALL)[1]
    exec(example.replace("http://127.0.0.1:8080", url).replace("KEY", key), {})


every_call_once()
errors_and_types()
what_passes_is_tried_again()
the_example_runs()
tandem.close()
print("all of it")
