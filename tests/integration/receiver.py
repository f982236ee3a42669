"""A receiver that a test writes itself, for what the sandbox does not do: TLS, redirects, garbage, odd headers."""
import gzip
import http.server
import json
import ssl
import threading


class Request:
    def __init__(self, handler):
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        self.path = handler.path
        self.headers = handler.headers
        self.body = json.loads(gzip.decompress(body) if handler.headers.get("Content-Encoding") == "gzip" else body)

    @property
    def batch(self):
        return self.body["batch"]

    @property
    def ids(self):
        return [message["messageId"] for message in self.batch]


class Receiver:
    """Asks `reply(request, number)` for (status, headers, body), or for bytes to be written as they are.

    `certificate`, the path of a file or a whole ssl.SSLContext, makes it speak TLS. Every request is kept in `requests`."""

    def __init__(self, reply=None, certificate=None):
        self.requests = []
        self.reply = reply or (lambda request, number: (200, {}, b"{}"))
        self._lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver._take(self)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass  # a client that hangs up is part of the test

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = "%s://127.0.0.1:%d" % ("https" if certificate else "http", self.port)
        if certificate:
            context = certificate
            if not isinstance(certificate, ssl.SSLContext):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
            # The handshake is the handler's, in a thread of its own: one that hangs holds up no other.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _take(self, handler):
        request = Request(handler)
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        reply = self.reply(request, number)
        if isinstance(reply, bytes):
            handler.wfile.write(reply)
            handler.close_connection = True
            return
        status, headers, body = reply
        handler.send_response(status)
        for name, value in dict({"Content-Length": str(len(body))}, **headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def delivered(self):
        """Ids of what was in requests, each once, in order of the first arrival."""
        return list(dict.fromkeys(message_id for request in self.requests for message_id in request.ids))

    def end(self):
        self._server.shutdown()
        self._server.server_close()
