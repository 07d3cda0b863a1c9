"""A service, and how it is asked: the generated calls, with a key, a timeout, pooled connections and retries."""
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

import httpx

from .api.events import send_events
from .api.recommendations import recommend
from .client import Client
from .models import Accepted, NewEvent, NewImpression, Problem, RecommendationQuery, Recommendations
from .retries import AsyncRetries, Patience, Retries
from .types import Response

T = TypeVar("T")


class Call(Protocol[T]):
    """A module of `tandem_client.api`."""

    def sync_detailed(self, *args: Any, **parameters: Any) -> Response[T | Problem]: ...

    async def asyncio_detailed(self, *args: Any, **parameters: Any) -> Response[T | Problem]: ...


class TandemError(Exception):
    """The service refused; `problem` says what is wrong, if it told."""

    def __init__(self, status: int, problem: Problem | None) -> None:
        super().__init__(f"{status}: {problem.detail if problem else 'no reason given'}")
        self.status, self.problem = status, problem


def answer(response: Response[T | Problem]) -> T:
    """The answer of a call; TandemError if it was refused."""
    status, parsed = int(response.status_code), response.parsed
    if isinstance(parsed, Problem):
        raise TandemError(status, parsed)
    if status >= 300:
        raise TandemError(status, None)
    return cast(T, parsed)


class Tandem:
    """A service at a URL. Threads may share one; `with` closes its connections."""

    def __init__(self, url: str, key: str | None = None, *, timeout_s: float = 5.0, patience: Patience = Patience()) -> None:
        headers = {"X-API-Key": key} if key else {}
        timeout = httpx.Timeout(timeout_s)
        self.client = Client(base_url=url, headers=headers, timeout=timeout)
        pooled = Retries(httpx.HTTPTransport(), patience)
        self.client.set_httpx_client(httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=pooled))
        pooled_async = AsyncRetries(httpx.AsyncHTTPTransport(), patience)
        self.client.set_async_httpx_client(
            httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, transport=pooled_async)
        )

    def ask(self, call: Call[T], *path: str, **parameters: Any) -> T:
        """Makes any call: `tandem.ask(get_similar_items, "i7", k=5)`."""
        return answer(call.sync_detailed(*path, client=self.client, **parameters))

    async def ask_async(self, call: Call[T], *path: str, **parameters: Any) -> T:
        """The same for asyncio."""
        return answer(await call.asyncio_detailed(*path, client=self.client, **parameters))

    def recommend(self, user_id: str, **query: Any) -> Recommendations:
        """A slate for a user; the parameters are the fields of RecommendationQuery."""
        return self.ask(recommend, body=RecommendationQuery(user_id=user_id, **query))

    def send(self, *events: NewEvent | NewImpression) -> Accepted:
        """Tells of events and impressions; they are on disk when this returns."""
        return self.ask(send_events, body=list(events))

    def close(self) -> None:
        self.client.get_httpx_client().close()

    async def close_async(self) -> None:
        await self.client.get_async_httpx_client().aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
