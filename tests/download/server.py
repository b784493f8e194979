"""A real HTTP server on loopback that serves files with ranges and misbehaves on demand."""

import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Misbehaviour:
    """What is wrong with one answer."""

    status: int | None = None  # answered in place of the file
    headers: dict[str, str] = field(default_factory=dict)
    break_after: int | None = None  # bytes of the body, then the connection is closed
    stall_after: int | None = None  # bytes of the body, then nothing
    ignore_range: bool = False
    claim_length: int | None = None  # Content-Length, whatever is sent
    wrong_range: bool = False  # sends from the start and says so, though asked for the rest
    content: bytes | None = None  # another file


@dataclass
class Site:
    """Files by path, and for each path the answers that come before the right one."""

    files: dict[str, bytes] = field(default_factory=dict)
    misbehaviours: dict[str, list[Misbehaviour]] = field(default_factory=lambda: defaultdict(list))
    always: dict[str, Misbehaviour] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range
    closing: threading.Event = field(default_factory=threading.Event)
    address: str = ""


@contextmanager
def serving(site: Site):
    """The site at ``site.address`` while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            site.requests.append((self.path, self.headers.get("Range")))
            waiting = site.misbehaviours[self.path]
            wrong = waiting.pop(0) if waiting else site.always.get(self.path, Misbehaviour())
            if wrong.status or (self.path not in site.files and wrong.content is None):
                self.send_response(wrong.status or 404)
                for name, value in wrong.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = wrong.content if wrong.content is not None else site.files[self.path]
            tag = f'"{md5(content).hexdigest()}"'
            start, asked = 0, self.headers.get("Range")
            condition = self.headers.get("If-Range", tag)
            if asked and not wrong.ignore_range and condition == tag:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = 0 if wrong.wrong_range else start
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            body = content[start:]
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(body) if wrong.claim_length is None else wrong.claim_length))
            self.end_headers()
            try:
                if wrong.break_after is not None or wrong.stall_after is not None:
                    self.wfile.write(body[: wrong.break_after if wrong.stall_after is None else wrong.stall_after])
                    self.wfile.flush()
                    if wrong.stall_after is not None:
                        site.closing.wait(30)
                    self.close_connection = True
                else:
                    self.wfile.write(body)
                    self.close_connection = wrong.claim_length is not None
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass  # a client that hangs up is what is tested

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
