"""Amazon Personalize's own client (boto3) against a running service: python3 personalize.py URL KEY"""
import datetime
import json
import sys

import boto3
from botocore.config import Config

url, key = sys.argv[1], sys.argv[2]
common = dict(endpoint_url=url, region_name="eu-west-1", aws_access_key_id=key, aws_secret_access_key="any",
              config=Config(retries={"max_attempts": 1}))
runtime = boto3.client("personalize-runtime", **common)
events = boto3.client("personalize-events", **common)
arn = "arn:aws:personalize:eu-west-1:1:campaign/home"

popular = runtime.get_recommendations(campaignArn=arn, userId="boto-1", numResults=5)
items = [item["itemId"] for item in popular["itemList"]]
print("get_recommendations", items, popular["recommendationId"])
events.put_events(trackingId="t", userId="boto-1", sessionId="s-1", eventList=[
    {"eventType": "Click", "itemId": items[0], "sentAt": datetime.datetime.now(), "eventId": "boto-e1",
     "recommendationId": popular["recommendationId"], "impression": items}])
after = runtime.get_recommendations(campaignArn=arn, userId="boto-1", numResults=5)
print("put_events, then", [item["itemId"] for item in after["itemList"]])
ranking = runtime.get_personalized_ranking(campaignArn=arn, userId="boto-1", inputList=list(reversed(items)))
print("get_personalized_ranking", [item["itemId"] for item in ranking["personalizedRanking"]])
similar = runtime.get_recommendations(campaignArn=arn, itemId=items[0], numResults=3)
print("get_recommendations of an item", [item["itemId"] for item in similar["itemList"]])
try:
    runtime.get_recommendations(campaignArn=arn, userId="boto-1", filterArn="arn:aws:personalize:eu-west-1:1:filter/none")
    sys.exit("a filter that is not there was accepted")
except runtime.exceptions.InvalidInputException as error:
    print("InvalidInputException:", error.response["Error"]["Message"])
dataset = "arn:aws:personalize:eu-west-1:1:dataset/shop/"
events.put_items(datasetArn=dataset + "ITEMS", items=[
    {"itemId": "boto-i1", "properties": json.dumps({"price": "12.5", "categoryL1": "Fruit|Apples"})}])
similar = runtime.get_recommendations(campaignArn=arn, itemId="boto-i1", numResults=1)
print("put_items, then what is like it", [item["itemId"] for item in similar["itemList"]])
events.put_users(datasetArn=dataset + "USERS", users=[{"userId": "boto-1", "properties": json.dumps({"age": 34})}])
print("put_users")
try:
    events.put_items(datasetArn=dataset + "ITEMS", items=[{"itemId": "boto-i1", "properties": json.dumps({"price": "dear"})}])
    sys.exit("a price that is none was accepted")
except events.exceptions.InvalidInputException as error:
    print("InvalidInputException:", error.response["Error"]["Message"])
