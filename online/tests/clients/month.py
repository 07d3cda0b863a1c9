"""A shop's month through each door: the same events must make the same histories and the same slates.

python3 month.py ONLINE ARTIFACTS EVENTS.csv FROM_MS [REDIS_SERVER]

ONLINE is the program, ARTIFACTS what was learnt from the events before FROM_MS. Each door has a service of its own, with a
Redis of its own where its program is given; what came since FROM_MS is sent by the client that the door is for.
"""
import csv
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

online, artifacts, events_csv, from_ms = sys.argv[1:5]
redis_server = sys.argv[5] if len(sys.argv) > 5 else None
with open(events_csv, newline="") as file:
    rows = [row for row in csv.DictReader(file) if int(row["timestamp"]) >= int(from_ms)]
rows.sort(key=lambda row: int(row["timestamp"]))
users = sorted({row["visitorid"] for row in rows})


def when(row):
    return datetime.datetime.fromtimestamp(int(row["timestamp"]) / 1000, datetime.timezone.utc)


def call(url, key, method, path, body=None):
    headers = {"authorization": "Bearer " + key, "content-type": "application/json"}
    request = urllib.request.Request(url + path, method=method, headers=headers, data=body and json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def own(url, key):
    for at in range(0, len(rows), 500):
        batch = [{**{name: value for name, value in row.items() if value}, "timestamp": int(row["timestamp"])}
                 for row in rows[at:at + 500]]
        call(url, key, "POST", "/events", batch)


def personalize(url, key):
    import boto3
    client = boto3.client("personalize-events", endpoint_url=url, region_name="eu-west-1", aws_access_key_id=key,
                          aws_secret_access_key="-")
    # At most ten events of one user in a call.
    for at, row in enumerate(rows):
        client.put_events(trackingId="-", userId=row["visitorid"], sessionId="s", eventList=[
            {"eventId": f"e{at}", "eventType": row["event"], "itemId": row["itemid"], "sentAt": when(row)}])


def track(client):
    names = {"view": "Product Viewed", "addtocart": "Product Added"}
    for row in rows:
        name, properties = names.get(row["event"]), {"product_id": row["itemid"]}
        if name is None:
            name, properties = "Order Completed", {"order_id": row["transactionid"], "products": [properties]}
        client.track(row["visitorid"], name, properties, timestamp=when(row))
    client.flush()


def segment(url, key):
    from segment.analytics.client import Client
    track(Client(key, host=url, gzip=True, max_queue_size=len(rows)))


def rudder(url, key):
    from rudderstack.analytics.client import Client
    track(Client(key, host=url, gzip=True, max_queue_size=len(rows)))


def gorse(url, key):
    from gorse import Gorse
    client = Gorse(url, key)
    for at in range(0, len(rows), 500):
        client.insert_feedbacks([
            {"FeedbackType": row["event"], "UserId": row["visitorid"], "ItemId": row["itemid"],
             "Timestamp": when(row).isoformat(timespec="milliseconds")} for row in rows[at:at + 500]])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, check):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return check()
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    sys.exit(f"never: {what}")


def through(door):
    """Sends the month through a door; returns the histories and the slates of all users."""
    folder, port = tempfile.mkdtemp(), free_port()
    url, running = f"http://127.0.0.1:{port}", []
    made = subprocess.run([online, "keys", "new", "--name", "test", "--scopes", "read,write,admin"], capture_output=True,
                          text=True, check=True)
    with open(folder + "/keys.toml", "w") as keys:
        keys.write(made.stdout)
    key = made.stderr.split()[-1]
    environment = {**os.environ, "TANDEM_SERVER__LISTEN": f"127.0.0.1:{port}", "TANDEM_AUTH__KEYS": folder + "/keys.toml",
                   "TANDEM_ARTIFACTS__PATH": artifacts, "TANDEM_SERVER__DRAIN_MS": "0",
                   "TANDEM_EVENTS__PATH": folder + "/events", "TANDEM_SLATES__PATH": folder + "/slates",
                   "TANDEM_SERVED__PATH": folder + "/served", "TANDEM_MODELS__ROWS": folder + "/rows"}
    try:
        if redis_server:
            redis = free_port()
            running.append(subprocess.Popen([redis_server, "--port", str(redis), "--save", "", "--dir", folder],
                                            stdout=subprocess.DEVNULL))
            until("Redis", lambda: socket.create_connection(("127.0.0.1", redis)).close())
            environment["TANDEM_STORE__REDIS_URL"] = f"redis://127.0.0.1:{redis}/"
        running.append(subprocess.Popen([online], env=environment, stderr=subprocess.DEVNULL))
        until("ready", lambda: call(url, key, "GET", "/ready"))
        begun = time.monotonic()
        door(url, key)
        seconds = time.monotonic() - begun
        histories = {user: call(url, key, "GET", f"/users/{user}/history")["events"] for user in users}
        slates = {user: [item["item_id"] for item in call(url, key, "GET", f"/recommendations?user_id={user}&k=20")["items"]]
                  for user in users}
        return histories, slates, seconds
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


def told(histories, unit):
    """What the histories say, with times in whole units of so many milliseconds."""
    return {user: sorted((event["timestamp"] // unit, event["item_id"], event["event"]) for event in events)
            for user, events in histories.items()}


print(f"{len(rows)} events of {len(users)} users; {'Redis' if redis_server else 'the embedded store'}")
expected, expected_slates, seconds = through(own)
print(f"own: {sum(map(len, expected.values()))} events in the histories, {seconds:.1f} s")
failed = False
# boto3 sends times in whole seconds.
for door, unit in [(personalize, 1000), (segment, 1), (rudder, 1), (gorse, 1)]:
    histories, slates, seconds = through(door)
    others = [user for user in users if told(histories, unit)[user] != told(expected, unit)[user]]
    other_slates = [user for user in users if slates[user] != expected_slates[user]]
    print(f"{door.__name__}: {sum(map(len, histories.values()))} events in the histories, {seconds:.1f} s; "
          f"{len(others)} histories and {len(other_slates)} slates of {len(users)} differ", others[:3], other_slates[:3])
    failed |= bool(others or other_slates)
sys.exit(failed)
