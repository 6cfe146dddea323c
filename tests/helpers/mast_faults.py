"""Answers of the stand-in for MAST, `mast_server`, and what goes wrong with them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, ClassVar


@dataclass(frozen=True)
class Answer:
    """What the server sends when nothing is wrong."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str | None] = field(default_factory=dict)


def as_json(content: dict) -> Answer:
    """Return an answer of JSON."""
    return Answer(json.dumps(content).encode(), "application/json")


def html(status: int) -> Answer:
    """Return a page of a status."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(page.encode(), "text/html", status)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong with one GET or POST.

    Attributes
    ----------
    sticky : bool
        It never goes away.
    head : bool
        It hits the HEAD that comes before a GET, too.
    """

    sticky: bool = False
    head: bool = False
    #: No GET follows a HEAD that it hits, so that the HEAD uses it up.
    ends: ClassVar[bool] = False

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send something else than the answer."""
        raise NotImplementedError


@dataclass(frozen=True)
class Silent(Fault):
    """Send nothing for some time (s), or until the server stops; then hang up."""

    seconds: float | None = None
    ends = True

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Wait."""
        exchange.server.mast.closing.wait(self.seconds)


@dataclass(frozen=True)
class Truncated(Fault):
    """Hang up after so many bytes of the body; the length told is the true one."""

    after: int

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send the start."""
        part = replace(answer, body=answer.body[: self.after])
        exchange.send(part, length=len(answer.body))


@dataclass(frozen=True)
class Reset(Truncated):
    """Reset the connection after so many bytes of the body."""

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send the start, then reset."""
        super().hit(exchange, answer)
        exchange.reset()


@dataclass(frozen=True)
class Short(Fault):
    """Send only so many bytes of the body and tell that as its length.

    The HEAD tells the true length, or with `head` the wrong one.
    """

    length: int

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send the start."""
        exchange.send(replace(answer, body=answer.body[: self.length]))


@dataclass(frozen=True)
class Status(Fault):
    """Answer with an HTTP status and a page of HTML."""

    code: int
    ends = True

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send the page."""
        exchange.send(html(self.code))


@dataclass(frozen=True)
class Odd(Fault):
    """Answer with another status, other headers (None: without), or the body several times."""

    headers: Mapping[str, str | None]
    status: int = 200
    times: int = 1

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send it."""
        body, headers = answer.body * self.times, {**answer.headers, **self.headers}
        exchange.send(replace(answer, body=body, headers=headers, status=self.status))


@dataclass(frozen=True)
class Html(Fault):
    """Answer with a page of HTML as if all were well."""

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send the page."""
        exchange.send(html(200))


@dataclass(frozen=True)
class OtherBytes(Fault):
    """Send a body of the right size whose bytes are other ones, from `start` on."""

    start: int = 0

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send the start and the complement of the rest."""
        good, bad = answer.body[: self.start], answer.body[self.start :]
        exchange.send(replace(answer, body=good + bad.translate(bytes(range(256))[::-1])))


@dataclass(frozen=True)
class Slow(Fault):
    """Send the body at so many bytes per second."""

    bytes_per_s: float

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send a slice each 50 ms."""
        exchange.send(replace(answer, body=b""), length=len(answer.body))
        step = max(1, round(self.bytes_per_s / 20))
        for start in range(0, len(answer.body), step):
            if exchange.server.mast.closing.wait(step / self.bytes_per_s):
                return
            exchange.send_body(answer.body[start : start + step])


@dataclass(frozen=True)
class ServiceError(Fault):
    """A service's own error."""

    message: str

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send the error."""
        exchange.send(as_json({"status": "ERROR", "msg": self.message}))


@dataclass(frozen=True)
class Executing(Fault):
    """A service is not ready: the client asks again (``[Executing()] * 3`` for three times)."""

    def hit(self, exchange: Any, answer: Answer) -> None:
        """Send no data yet."""
        exchange.send(as_json({"status": "EXECUTING", "msg": "", "data": []}))
