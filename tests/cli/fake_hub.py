"""A hub of models on this machine, which misbehaves as told.

It answers as Hugging Face's does: /api/models/ID/revision/REV lists files,
/ID/resolve/COMMIT/FILE gives small ones itself and redirects for large ones
(those in `large`) to a second server, of another origin.
"""

import hashlib
import http.server
import json
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_blob(data):
    """Git's name of contents: the ETag of small files."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Request:
    """What a rule sees. kind: "api", "head", "get" or "store"; number: how
    many of that kind and name came before."""

    def __init__(self, kind, name, number, headers):
        self.kind, self.name, self.number = kind, name, number
        self.headers = headers

    @property
    def range(self):
        return self.headers.get("Range")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class FakeHub:
    """files: {name: bytes}. A rule is called with each Request and returns
    None, or how the answer differs:

    status, headers  instead of the usual ones
    stop             bytes of the body after which the connection ends
    length           the Content-Length that is told; None: none
    body             other contents
    whole            a Range is ignored
    pause            seconds before each 64 KiB
    """

    def __init__(self, files, large=(), repository="owner/model"):
        self.files, self.large = dict(files), set(large)
        self.repository, self.commit = repository, COMMIT
        self.rule = lambda request: None
        self.requests = []
        self.lock = threading.Lock()
        self.servers = [Server(("127.0.0.1", 0), self.handler(store))
                        for store in (False, True)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever,
                             kwargs={"poll_interval": 0.05},
                             daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.servers[0].server_port}"

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def forget(self):
        """Rules and requests of the case before."""
        self.rule = lambda request: None
        self.requests = []

    def etag(self, name):
        data = self.files[name]
        return hashlib.sha256(data).hexdigest() if name in self.large \
            else git_blob(data)

    def note(self, kind, name, headers):
        with self.lock:
            number = sum(r.kind == kind and r.name == name
                         for r in self.requests)
            request = Request(kind, name, number, dict(headers.items()))
            self.requests.append(request)
        return request, self.rule(request) or {}

    def count(self, kind, name=None):
        return sum(r.kind == kind and name in (None, r.name)
                   for r in self.requests)

    def handler(self, is_store):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.answer(head=False)

            def do_HEAD(self):
                self.answer(head=True)

            def answer(self, head):
                try:
                    if is_store:
                        hub.answer_store(self)
                    else:
                        hub.answer_hub(self, head)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        return Handler

    def answer_hub(self, handler, head):
        path = urllib.parse.unquote(handler.path.split("?")[0])
        prefix = f"/{self.repository}/resolve/"
        if path.startswith(f"/api/models/{self.repository}/revision/"):
            revision = path.split("/revision/")[1]
            _, action = self.note("api", revision, handler.headers)
            listing = {"id": self.repository, "sha": self.commit,
                       "siblings": [{"rfilename": name}
                                    for name in self.files]}
            known = revision in ("main", "refs/pr/7", self.commit)
            self.send(handler, json.dumps(listing).encode(), action, head,
                      {"Content-Type": "application/json"} if known else
                      {"X-Error-Code": "RevisionNotFound"},
                      200 if known else 404)
        elif path.startswith(prefix):
            revision, name = path[len(prefix):].split("/", 1)
            request, action = self.note("head" if head else "get", name,
                                        handler.headers)
            self.resolve(handler, name, action, head)
        else:
            _, action = self.note("other", path, handler.headers)
            self.send(handler, b"", action, head,
                      {"X-Error-Code": "RepoNotFound"}, 401)

    def resolve(self, handler, name, action, head):
        if name not in self.files:
            self.send(handler, b"", action, head,
                      {"X-Error-Code": "EntryNotFound"}, 404)
            return
        data = self.files[name]
        headers = {"X-Repo-Commit": self.commit}
        if name not in self.large:
            headers["ETag"] = f'"{self.etag(name)}"'
            self.send(handler, data, action, head, headers)
            return
        place = f"http://localhost:{self.servers[1].server_port}/" + \
            urllib.parse.quote(name) + "?signature=secret"
        headers.update({"Location": place, "X-Linked-Size": str(len(data)),
                        "X-Linked-ETag": f'"{self.etag(name)}"'})
        self.send(handler, b"moved", action, head, headers, 302)

    def answer_store(self, handler):
        name = urllib.parse.unquote(handler.path.split("?")[0])[1:]
        _, action = self.note("store", name, handler.headers)
        data = self.files[name]
        # As a store of objects has it: nothing to do with the hub's.
        etag = hashlib.md5(data).hexdigest()
        self.send(handler, data, action, False, {"ETag": f'"{etag}"'})

    @staticmethod
    def send(handler, data, action, head, headers, status=200):
        headers = {**headers, **action.get("headers", {})}
        data = action.get("body", data)
        status = action.get("status", status)
        wanted = handler.headers.get("Range")
        unchanged = handler.headers.get("If-Range") in (None, headers.get("ETag"))
        if status == 200 and wanted and unchanged and "whole" not in action:
            first = int(wanted.split("=")[1].rstrip("-"))
            if first >= len(data):
                status, data = 416, b""
            else:
                status = 206
                headers.setdefault("Content-Range",
                                   f"bytes {first}-{len(data) - 1}/{len(data)}")
                data = data[first:]
        handler.send_response(status)
        length = action.get("length", len(data))
        if length is not None:
            handler.send_header("Content-Length", str(length))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Connection", "close")
        handler.close_connection = True
        handler.end_headers()
        if head:
            return
        data = data[: action.get("stop", len(data))]
        step = 1 << 16
        for begin in range(0, len(data), step):
            time.sleep(action.get("pause", 0))
            handler.wfile.write(data[begin: begin + step])
            handler.wfile.flush()
