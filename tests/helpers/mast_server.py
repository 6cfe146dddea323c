"""A stand-in for MAST on this machine, with which the real client, astroquery, talks.

Rows, files and faults are those of a test.
"""

import json
import os
import re
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests

from mast_rows import OBSERVATIONS as OBSERVATIONS
from mast_rows import PRODUCTS as PRODUCTS
from mast_rows import find, recorded
from mast_rows import flc as flc
from mast_rows import observation as observation

COLUMNS = "columnsconfig"
FILE_PATH = re.compile(
    r"/api/v0\.1/Download/file\?uri=mast:HST/product/(?P<mast>\w+)_flc\.fits"
    r"|/mirror/mastDownload/HST/(?P<mirror>\w+)/(?P=mirror)_flc\.fits"
    r"|/hst/public/(?P<start>\w{4})/(?P<cloud>(?P=start)\w*)/(?P=cloud)_flc\.fits"
)


class Request(NamedTuple):
    """A request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What the server sends when nothing is wrong."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str | None] = field(default_factory=dict)


class MastServer:
    """Serve rows, files and faults while the context lasts.

    Attributes
    ----------
    files : dict of str to Path
        Exposure files by dataset.
    observations, products : list of dict
        Rows, from `observation` and `flc`.
    faults : dict of str to list of Fault
        Queue by dataset, service (`OBSERVATIONS`, `PRODUCTS`) or `COLUMNS`. A GET or POST uses
        up the first; with none left all goes well.
    ranges : bool
        Whether parts of files can be asked for.
    log : list of Request
        Requests so far.
    queries : list of dict
        Decoded queries of services so far.
    """

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.observations: list[dict] = []
        self.products: list[dict] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.ranges = True
        self.log: list[Request] = []
        self.queries: list[dict] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._responses: list[requests.Response] = []

    def __enter__(self) -> "MastServer":
        """Start to serve."""
        self._httpd = _Httpd(("127.0.0.1", 0), _Exchange)
        self._httpd.mast = self
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and let go of clients that wait."""
        self.closing.set()
        for response in self._responses:
            response.close()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Address of the server, without a slash at its end."""
        return "http://{}:{}".format(*self._httpd.server_address)

    def configure(self, folder: Path) -> dict[str, str]:
        """Write a configuration for astroquery and return the environment that selects it."""
        (folder / "astropy").mkdir(parents=True)
        (folder / "cache").mkdir()
        (folder / "astropy" / "astroquery.cfg").write_text(
            f"[mast]\nserver = {self.url}\n", encoding="utf-8"
        )
        return {
            "XDG_CONFIG_HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "no_proxy": "127.0.0.1",
        }

    def keep(self, response: requests.Response, **_: object) -> None:
        """Keep a response to close it in the end: astroquery leaves it open after an error."""
        self._responses.append(response)

    def next_fault(self, key: str, head: bool) -> "Fault | None":
        """Return the fault that hits a request, and use it up unless it stays."""
        with self._lock:
            queue = self.faults.get(key)
            if not queue or (head and not queue[0].head):
                return None
            fault = queue[0]
            if not fault.sticky and (fault.ends or not head):
                del queue[0]
            return fault


def client_of(server: MastServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Point astroquery's client in this process at the server, and return it."""
    from astroquery.mast import Observations, conf
    from astroquery.mast.discovery_portal import PortalAPI

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(conf, "server", server.url)
    for name, address in list(vars(PortalAPI).items()):
        if name.endswith("_URL"):
            monkeypatch.setattr(PortalAPI, name, server.url + urlsplit(address).path)
    monkeypatch.setattr(PortalAPI, "_column_configs", {})
    session = Observations._session
    monkeypatch.setattr(session, "adapters", session.adapters.copy())
    monkeypatch.setattr(session, "headers", session.headers.copy())
    monkeypatch.setattr(session, "hooks", {"response": [*session.hooks["response"], server.keep]})
    return Observations


def _json(content: dict) -> Answer:
    return Answer(json.dumps(content).encode(), "application/json")


def _html(status: int) -> Answer:
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(page.encode(), "text/html", status)


class _Httpd(ThreadingHTTPServer):
    """Leave it to the tests to notice that a client has hung up."""

    mast: MastServer
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Exchange(BaseHTTPRequestHandler):
    """One request and its answer, on a connection of their own."""

    protocol_version = "HTTP/1.1"
    server: _Httpd

    def handle(self) -> None:
        self.handle_one_request()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._note()
        found = FILE_PATH.fullmatch(unquote(self.path))
        root = found and (found["mast"] or found["mirror"] or found["cloud"])
        path = self.server.mast.files.get(root)
        self._reply(root, self._part(path.read_bytes()) if path else _html(404))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self._note()
        mast = self.server.mast
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path == "/portal/Mashup/Mashup.asmx/columnsconfig":
            self._reply(COLUMNS, _json(recorded(COLUMNS)))
        elif self.path == "/api/v0/invoke":
            query = json.loads(form["request"][0])
            mast.queries.append(query)
            self._reply(query["service"], _json(find(query, mast.observations, mast.products)))
        else:
            self.send(_html(404))

    def _note(self) -> None:
        headers = dict(self.headers.items())
        self.server.mast.log.append(Request(self.command, self.path, headers))

    def _part(self, body: bytes) -> Answer:
        """Return the part of a file that is asked for, or all."""
        if not self.server.mast.ranges:
            return Answer(body, "application/fits")
        headers = {"Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or self.command == "HEAD":
            return Answer(body, "application/fits", headers=headers)
        first, last = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
        if first > last:
            return _html(416)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        return Answer(body[first : last + 1], "application/fits", 206, headers)

    def _reply(self, key: str | None, answer: Answer) -> None:
        fault = self.server.mast.next_fault(key, head=self.command == "HEAD") if key else None
        if fault:
            fault.hit(self, answer)
        else:
            self.send(answer)

    def send(self, answer: Answer, length: int | None = None) -> None:
        """Send an answer that claims a length: its own, or another one."""
        self.send_response(answer.status)
        length = len(answer.body) if length is None else length
        told = {"Content-Type": answer.content_type, "Content-Length": str(length)}
        for name, value in (told | answer.headers).items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.send_body(answer.body)

    def send_body(self, body: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self) -> None:
        """Break the connection off with a TCP reset, once the client has read what it was sent."""
        time.sleep(0.05)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


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

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send something else than the answer."""
        raise NotImplementedError


@dataclass(frozen=True)
class Silent(Fault):
    """Send nothing for some time (s), or until the server stops; then hang up."""

    seconds: float | None = None
    ends = True

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Wait."""
        exchange.server.mast.closing.wait(self.seconds)


@dataclass(frozen=True)
class Truncated(Fault):
    """Hang up after so many bytes of the body; the length told is the true one."""

    after: int

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send the start."""
        part = replace(answer, body=answer.body[: self.after])
        exchange.send(part, length=len(answer.body))


@dataclass(frozen=True)
class Reset(Truncated):
    """Reset the connection after so many bytes of the body."""

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send the start, then reset."""
        super().hit(exchange, answer)
        exchange.reset()


@dataclass(frozen=True)
class Short(Fault):
    """Send only so many bytes of the body and tell that as its length.

    The HEAD tells the true length, or with `head` the wrong one.
    """

    length: int

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send the start."""
        exchange.send(replace(answer, body=answer.body[: self.length]))


@dataclass(frozen=True)
class Status(Fault):
    """Answer with an HTTP status and a page of HTML."""

    code: int
    ends = True

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send the page."""
        exchange.send(_html(self.code))


@dataclass(frozen=True)
class Odd(Fault):
    """Answer with another status, other headers (None: without), or the body several times."""

    headers: Mapping[str, str | None]
    status: int = 200
    times: int = 1

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send it."""
        body, headers = answer.body * self.times, {**answer.headers, **self.headers}
        exchange.send(replace(answer, body=body, headers=headers, status=self.status))


@dataclass(frozen=True)
class Html(Fault):
    """Answer with a page of HTML as if all were well."""

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send the page."""
        exchange.send(_html(200))


@dataclass(frozen=True)
class OtherBytes(Fault):
    """Send a body of the right size whose bytes are other ones, from `start` on."""

    start: int = 0

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send the start and the complement of the rest."""
        good, bad = answer.body[: self.start], answer.body[self.start :]
        exchange.send(replace(answer, body=good + bad.translate(bytes(range(256))[::-1])))


@dataclass(frozen=True)
class Slow(Fault):
    """Send the body at so many bytes per second."""

    bytes_per_s: float

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
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

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send the error."""
        exchange.send(_json({"status": "ERROR", "msg": self.message}))


@dataclass(frozen=True)
class Executing(Fault):
    """A service is not ready: the client asks again (``[Executing()] * 3`` for three times)."""

    def hit(self, exchange: _Exchange, answer: Answer) -> None:
        """Send no data yet."""
        exchange.send(_json({"status": "EXECUTING", "msg": "", "data": []}))
