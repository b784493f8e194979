"""A camera of HTTP MJPEG on loopback, that can be told to stall, to send garbage, and to die."""

import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import cv2
import numpy as np

SIZE = (64, 48)


class MjpegServer:
    """Serves pictures whose brightness is their number."""

    def __init__(self, frames_per_second: float = 20.0) -> None:
        self.port, self.spacing = 0, 1 / frames_per_second
        self.mode = "good"
        self.asked: list[str] = []
        self.start()

    @property
    def address(self) -> str:
        return f"http://viewer:s3cret@127.0.0.1:{self.port}/stream.mjpg"

    def start(self) -> None:
        outer, self._dead, self._connections = self, Event(), []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.headers.get("Authorization", ""))
                if not outer.asked[-1]:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                outer._connections.append(self.connection)
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                number = 0
                while not outer._dead.is_set():
                    if outer.mode == "good":
                        picture = np.full((SIZE[1], SIZE[0], 3), number % 200, np.uint8)
                        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                    elif outer.mode == "garbage":
                        jpeg = np.random.default_rng(number).bytes(2000)
                    else:  # stalled: the connection stays
                        time.sleep(outer.spacing)
                        continue
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                    except OSError:
                        return
                    number += 1
                    time.sleep(outer.spacing)

            def log_message(self, *arguments) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """End as a process does that is killed: connections are cut."""
        self._dead.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._thread.join()
