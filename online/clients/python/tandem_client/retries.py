"""Tries again what passes: 429, 503, and connections that break. In front of every request, whichever call makes it.

Only what may be sent twice is: questions, and events, each of which gets an `event_id` before the first try, so that it
counts once. A 429 is given before anything is read, so that any request may come again.
"""
import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

QUESTIONS = ("/recommendations", "/home", "/rank")
EVENTS = "/events"


@dataclass(frozen=True)
class Patience:
    """How often, and how long after each other."""

    retries: int = 3
    first_s: float = 0.1
    longest_s: float = 30.0

    def pause_s(self, retry: int, request: httpx.Request, response: httpx.Response | None) -> float | None:
        """How long to wait before a retry, counted from 0; None for the answer, or error, that there is.

        response: None if the connection broke.
        """
        passes = response is None or response.status_code == 503
        if retry >= self.retries or not (passes and is_repeatable(request) or is_too_many(response)):
            return None
        asked_s = float(retry_after(response))
        if asked_s > self.longest_s:
            return None
        return asked_s + random.uniform(0, min(self.first_s * 2**retry, self.longest_s))


def is_too_many(response: httpx.Response | None) -> bool:
    return response is not None and response.status_code == 429


def retry_after(response: httpx.Response | None) -> int:
    """The seconds that an answer asks for."""
    text = response.headers.get("retry-after", "") if response is not None else ""
    return int(text) if text.isascii() and text.isdigit() else 0


def is_repeatable(request: httpx.Request) -> bool:
    path = request.url.path.rstrip("/")
    return request.method in ("GET", "HEAD") or request.method == "POST" and path.endswith((*QUESTIONS, EVENTS))


def with_event_ids(request: httpx.Request) -> httpx.Request:
    """The request, every event of which has an id."""
    if request.method != "POST" or not request.url.path.rstrip("/").endswith(EVENTS):
        return request
    body = json.loads(request.read())
    for event in body if isinstance(body, list) else [body]:
        # Impressions have items, and no id: what was seen twice counts once.
        if isinstance(event, dict) and "items" not in event:
            event.setdefault("event_id", str(uuid.uuid4()))
    headers: dict[str, Any] = {name: value for name, value in request.headers.items() if name != "content-length"}
    return httpx.Request(request.method, request.url, headers=headers, json=body, extensions=request.extensions)


class Retries(httpx.BaseTransport):
    """Tries again, over another transport."""

    def __init__(self, inner: httpx.BaseTransport, patience: Patience) -> None:
        self.inner, self.patience = inner, patience

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request, retry = with_event_ids(request), 0
        while True:
            try:
                response = self.inner.handle_request(request)
            except httpx.TransportError:
                pause_s = self.patience.pause_s(retry, request, None)
                if pause_s is None:
                    raise
            else:
                pause_s = self.patience.pause_s(retry, request, response)
                if pause_s is None:
                    return response
                response.close()
            time.sleep(pause_s)
            retry += 1

    def close(self) -> None:
        self.inner.close()


class AsyncRetries(httpx.AsyncBaseTransport):
    """The same for asyncio."""

    def __init__(self, inner: httpx.AsyncBaseTransport, patience: Patience) -> None:
        self.inner, self.patience = inner, patience

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request, retry = with_event_ids(request), 0
        while True:
            try:
                response = await self.inner.handle_async_request(request)
            except httpx.TransportError:
                pause_s = self.patience.pause_s(retry, request, None)
                if pause_s is None:
                    raise
            else:
                pause_s = self.patience.pause_s(retry, request, response)
                if pause_s is None:
                    return response
                await response.aclose()
            await asyncio.sleep(pause_s)
            retry += 1

    async def aclose(self) -> None:
        await self.inner.aclose()
