"""Gorse's own Python client (pygorse) against a running service: python3 pygorse.py URL KEY; the key needs all scopes"""
import asyncio
import datetime
import sys
import uuid

from gorse import AsyncGorse, Gorse, GorseException

url, key = sys.argv[1:3]
own = "py-" + uuid.uuid4().hex[:8]
user, item, other = own + "-u", own + "-a", own + "-b"
now = datetime.datetime.now(datetime.timezone.utc).isoformat()


def check(call, got, expected=True):
    if got != expected:
        sys.exit(f"{call}: {got!r}, not {expected!r}")
    print("ok  ", call)


def refused(call, status, ask):
    try:
        sys.exit(f"{call}: {ask()!r}, not an error")
    except GorseException as error:
        check(f"{call}: {error.status_code} {error.message}", error.status_code, status)


client = Gorse(url, key, timeout=60)
one = {"RowAffected": 1}
stored = {"ItemId": item, "IsHidden": False, "Categories": ["films"], "Timestamp": "2024-01-31T12:00:00Z",
          "Labels": {"brand": "Acme", "tags": ["a", "b"]}, "Comment": "A lamp of " + own}
check("insert_item", client.insert_item(stored), one)
check("get_item", client.get_item(item), stored)
check("insert_item of another", client.insert_item({"ItemId": other, "Categories": ["films"]}), one)
check("update_item", client.update_item(item, is_hidden=True, labels=["x", "y"]), one)
check("get_item, updated", client.get_item(item), {**stored, "IsHidden": True, "Labels": ["x", "y"]})
check("update_item, shown again", client.update_item(item, is_hidden=False), one)
seen, cursor = [], ""
while True:
    items, cursor = client.get_items(100, cursor)
    seen += [each["ItemId"] for each in items]
    if not cursor:
        break
check(f"get_items, {len(seen)} on pages", (item in seen, other in seen, len(set(seen))), (True, True, len(seen)))
check("search_items", [each["ItemId"] for each in client.search_items(own)], [item, other])
refused("get_item of none", 404, lambda: client.get_item(own + "-none"))

told = {"UserId": user, "Labels": ["news", "vip"], "Comment": "c"}
check("insert_user", client.insert_user(told), one)
check("get_user", client.get_user(user), told)
check("insert_users", client.insert_users([{"UserId": f"{own}-{at}", "Labels": {"age": at}} for at in range(3)]), {"RowAffected": 3})
seen, cursor = [], ""
while True:
    users, cursor = client.get_users(200, cursor)
    seen += [each["UserId"] for each in users]
    if not cursor:
        break
check(f"get_users, {len(seen)} on pages", user in seen and f"{own}-2" in seen)

check("insert_feedback", client.insert_feedback("read", user, item, now), one)
feedback = [{"FeedbackType": kind, "UserId": user, "ItemId": of, "Timestamp": "2024-01-31"}
            for kind, of in [("star", item), ("cart", other)]]
check("insert_feedbacks", client.insert_feedbacks(feedback), {"RowAffected": 2})
check("insert_feedbacks, again", client.insert_feedbacks(feedback), {"RowAffected": 2})
listed = client.list_feedbacks("star", user)
check("list_feedbacks", [(each["FeedbackType"], each["ItemId"], each["Timestamp"]) for each in listed],
      [("star", item, "2024-01-31T00:00:00Z")])
check("delete_feedback of a cart", client.delete_feedback(user, other), one)
check("list_feedbacks, taken back", client.list_feedbacks("cart", user), [])
refused("delete_feedback of a view", 501, lambda: client.delete_feedback(user, item))
refused("get_feedbacks", 501, lambda: client.get_feedbacks(10))

known = client.get_recommend("nobody-at-all", n=3)
check("get_recommend", (len(known), all(each.score >= 0 for each in known)), (3, True))
ids = [each.id for each in known]
check("get_recommend, offset", [each.id for each in client.get_recommend("nobody-at-all", n=2, offset=1)], ids[1:])
check("get_recommend of a category", {each.id for each in client.get_recommend(user + "2", "films")} <= {item, other})
written = lambda: [each.id for each in client.get_recommend(own + "-w", n=3, write_back_type="read", write_back_delay="10m")]
check("get_recommend, written back", set(written()) & set(written()), set())
session = client.session_recommend([{"FeedbackType": "read", "UserId": "", "ItemId": ids[0], "Timestamp": now}], n=4)
check("session_recommend", (len(session), ids[0] in [each["Id"] for each in session]), (4, False))
near = client.get_neighbors(ids[0], n=2)
check("get_neighbors", (len(near), sorted(near[0])), (2, ["Id", "Score"]))

many = [{"UserId": f"{own}-m{at}", "ItemId": ids[at % 3], "FeedbackType": "read", "Timestamp": now} for at in range(5000)]
check("insert_feedbacks, 5000 of them", client.insert_feedbacks(many), {"RowAffected": 5000})
check("list_feedbacks of the last", len(client.list_feedbacks("read", own + "-m4999")), 1)

check("delete_item", client.delete_item(item), one)
check("get_item, withdrawn", client.get_item(item)["IsHidden"])
check("delete_user", client.delete_user(user), one)
refused("get_user, erased", 404, lambda: client.get_user(user))


async def others():
    waiting = AsyncGorse(url, key)
    check("async insert_item", await waiting.insert_item({"ItemId": other, "Comment": "Other"}), one)
    check("async get_item", (await waiting.get_item(other))["Comment"], "Other")
    check("async update_item", await waiting.update_item(other, categories=[]), one)
    check("async search_items", [each["ItemId"] for each in await waiting.search_items(other)], [other])
    check("async get_items", len((await waiting.get_items(1))[0]), 1)
    check("async insert_user", await waiting.insert_user({"UserId": user, "Labels": {"age": 3}}), one)
    check("async insert_users", await waiting.insert_users([{"UserId": user}]), one)
    check("async get_user", (await waiting.get_user(user))["Labels"], {"age": 3})
    check("async get_users", len((await waiting.get_users(1))[0]), 1)
    check("async insert_feedback", await waiting.insert_feedback("cart", user, other, now), one)
    check("async insert_feedbacks", await waiting.insert_feedbacks([]), {"RowAffected": 0})
    check("async list_feedbacks", len(await waiting.list_feedbacks("cart", user)), 1)
    check("async delete_feedback", await waiting.delete_feedback(user, other), one)
    check("async get_recommend", len(await waiting.get_recommend(user, n=2)), 2)
    check("async session_recommend", len(await waiting.session_recommend([], n=2)), 2)
    check("async get_neighbors", len(await waiting.get_neighbors(ids[0], n=2)), 2)
    check("async delete_item", await waiting.delete_item(other), one)
    check("async delete_user", await waiting.delete_user(user), one)


asyncio.run(others())
