"""What a fit would send first, with nothing sent: a fit that is stopped at its first call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

from sdv_llmgan.formats.words import visible
from sdv_llmgan.providers.base import Completion, Provider, Request, WrappingProvider
from sdv_llmgan.table.column import quote


@dataclass(frozen=True, repr=False)
class Preview(Sequence[Request]):
    """Requests in the order in which they would be sent; ``print`` shows what they say.

    Attributes:
        requests: The requests.
    """

    requests: tuple[Request, ...]

    def __len__(self) -> int:
        """Number of requests."""
        return len(self.requests)

    def __iter__(self) -> Iterator[Request]:
        """Go over the requests in order."""
        return iter(self.requests)

    @overload
    def __getitem__(self, place: int) -> Request: ...
    @overload
    def __getitem__(self, place: slice) -> Preview: ...
    def __getitem__(self, place: int | slice) -> Request | Preview:
        """One request, or some of them."""
        if isinstance(place, slice):
            return Preview(self.requests[place])
        return self.requests[place]

    def __str__(self) -> str:
        """Every message of every request, and the JSON Schema of the reply."""
        if not self.requests:
            return 'Nothing would be sent.'
        return '\n\n'.join(
            f'=== Request {number} of {len(self)}: {request.role}, {request.real_rows} real rows, '
            f'{len(request.columns)} columns\n{_text(request)}'
            for number, request in enumerate(self, start=1)
        )

    def __repr__(self) -> str:
        """How many requests there are."""
        return f'<Preview of {len(self)} requests; print() shows them>'

    def to_json(self) -> str:
        """All requests as indented JSON."""
        requests = [asdict(request) for request in self]
        return visible(json.dumps(requests, ensure_ascii=False, indent=2))


class Unsent(WrappingProvider):
    """Stands in for a provider and stops at the first requests for rows instead of sending them.

    Questions for knowledge come before them, and are answered as if nothing was known.

    Args:
        provider: The provider in whose place it stands.
        asked: Gets these questions.
    """

    def __init__(self, provider: Provider, asked: list[Request]) -> None:
        super().__init__(provider)
        self.asked = asked

    def check(self) -> None:
        """Nothing stops a call that is not sent, not even a missing key."""

    def complete(self, request: Request) -> Completion:
        """Stop here."""
        return self.complete_many([request])[0]

    def complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        """Stop here, but for questions."""
        if {request.role for request in requests} != {'expert'}:
            raise _Stopped(requests)
        self.asked.extend(requests)
        return [Completion('{}') for _ in requests]


class _Stopped(BaseException):
    """Carries the first requests out of a fit; no error, so that nothing along the way logs one."""

    def __init__(self, requests: Sequence[Request]) -> None:
        super().__init__()
        self.requests = requests


def first_requests(fit: Callable[[], Any], asked: Sequence[Request] = ()) -> Preview:
    """The requests up to which a fit comes that asks ``Unsent`` providers only.

    Args:
        fit: Starts it.
        asked: Has the questions for knowledge by then.
    """
    try:
        fit()
    except _Stopped as stopped:
        return Preview((*asked, *stopped.requests))
    return Preview(tuple(asked))


def _text(request: Request) -> str:
    parts = [f'--- {message.role}\n{message.content}' for message in request.messages]
    if request.json_schema is not None:
        parts.append(f'--- JSON Schema\n{quote(request.json_schema)}')
    return '\n'.join(parts)
