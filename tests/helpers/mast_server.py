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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests

from mast_faults import Answer, Fault, as_json, html
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

    def next_fault(self, key: str, head: bool) -> Fault | None:
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
        self._reply(root, self._part(path.read_bytes()) if path else html(404))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self._note()
        mast = self.server.mast
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path == "/portal/Mashup/Mashup.asmx/columnsconfig":
            self._reply(COLUMNS, as_json(recorded(COLUMNS)))
        elif self.path == "/api/v0/invoke":
            query = json.loads(form["request"][0])
            mast.queries.append(query)
            self._reply(query["service"], as_json(find(query, mast.observations, mast.products)))
        else:
            self.send(html(404))

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
            return html(416)
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
