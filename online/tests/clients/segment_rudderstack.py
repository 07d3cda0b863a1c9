"""Segment's and RudderStack's own Python clients against a running service: python3 segment_rudderstack.py URL KEY ITEM"""
import sys

from rudderstack.analytics.client import Client as Rudder
from segment.analytics.client import Client as Segment

url, key, item = sys.argv[1:4]
errors = []
told = lambda error, batch: errors.append(error)
for name, client in [("segment", Segment(key, host=url, gzip=True, on_error=told)),
                     ("rudder", Rudder(key, host=url, gzip=True, on_error=told))]:
    user = name + "-1"
    client.track(user, "Product Viewed", {"product_id": item})
    client.track(user, "Product Added", {"product_id": item})
    client.track(user, "Order Completed", {"order_id": name + "-o1", "products": [{"product_id": item}]})
    client.track(user, "Coupon Applied", {"coupon": "x"})
    client.track(None, "Product Viewed", {"product_id": item}, anonymous_id=name + "-a")
    client.identify(user, {"plan": "gold", "email": "u@example.org"}, anonymous_id=name + "-a")
    client.alias(name + "-old", user)
    client.flush()
    print(name, "sent for", user)
if errors:
    sys.exit(f"refused: {errors}")
