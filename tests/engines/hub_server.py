"""A model hub on loopback that answers with the shapes of huggingface.co: one repository, `anna/tiny`."""

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

REPOSITORY = "anna/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """`ranges` are the Range headers of the downloads so far. With `cut_first` the first is cut in its middle."""

    def __init__(self, files: dict[str, bytes], *, cut_first: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.cut_first = cut_first
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{REPOSITORY}"):
            self._json(200, {"id": REPOSITORY, "sha": COMMIT, "siblings": self._siblings()})
        elif path.startswith(f"/{REPOSITORY}/resolve/"):
            self._file(path.rpartition("/")[2], with_body=with_body)
        else:
            self._json(404, {"error": "Repository not found"}, code="RepoNotFound")

    def _siblings(self) -> list[dict[str, object]]:
        return [{"rfilename": name, "size": len(content)} for name, content in self.server.files.items()]

    def _json(self, status: int, body: object, *, code: str = "") -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _file(self, name: str, *, with_body: bool) -> None:
        content = self.server.files.get(name)
        if content is None:
            self._json(404, {"error": "Entry not found"}, code="EntryNotFound")
            return
        wanted = self.headers.get("Range") if with_body else None
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if with_body:
            self._body(content[start:], wanted)

    def _body(self, content: bytes, wanted: str | None) -> None:
        cut = self.server.cut_first and not self.server.ranges
        self.server.ranges.append(wanted)
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = True


@contextmanager
def running_hub(folder: Path, *, cut_first: bool = False) -> Generator[Hub]:
    """A hub whose repository holds the files of `folder`."""
    with Hub({path.name: path.read_bytes() for path in folder.iterdir()}, cut_first=cut_first) as hub:
        thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
