"""Serves a Flask (or any WSGI) application with Werkzeug's threaded server as a replica of a Slipway endpoint.

Started as `python server.py`; settings are in shared/slipway_server/replica.py. Without an entry it serves the model
itself, see shared/slipway_server/inference.py. Adds `/health`, `/ready` and `/v2/models/NAME`. The server
closes each connection after its answer, and only the gateway on the same machine or pod network speaks to it.
"""

import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))

from flask import Flask, Response, request
from slipway_server.default_server import default_server
from slipway_server.inference import InferenceServer
from slipway_server.metadata import Metadata, metadata_of_entry
from slipway_server.replica import (
    SECRET_HEADER,
    Draining,
    Settings,
    failure,
    load_entry,
    log,
    open_listener,
    read_settings,
    request_id_of,
)
from werkzeug.exceptions import InternalServerError
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

SECRET_VARIABLE = "HTTP_" + SECRET_HEADER.upper().replace("-", "_")
REASONS = {200: "OK", 403: "Forbidden", 500: "Internal Server Error", 503: "Service Unavailable"}


def default_app(server: InferenceServer) -> Flask:
    """An application around the model itself."""
    app = Flask("slipway", static_folder=None)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    @app.route("/", defaults={"path": ""}, methods=methods, provide_automatic_options=False)
    @app.route("/<path:path>", methods=methods, provide_automatic_options=False)
    def serve(path: str) -> Response:
        request_id, prefix = (request.headers.get(name, "") for name in ("X-Request-Id", "X-Forwarded-Prefix"))
        answer = server.answer(request.method, f"/{path}", request.get_data(), request_id, prefix)
        headers = {} if answer.allow is None else {"Allow": answer.allow}
        return Response(answer.body, answer.status, headers, content_type=answer.content_type)

    return app


def pass_failures_on(app: Any) -> None:
    """Unhandled exceptions reach the replica, unless the application answers them itself."""
    if not isinstance(app, Flask):
        return
    handlers = app.error_handler_spec[None]
    if 500 not in handlers and not any(kind in handlers[None] for kind in (Exception, InternalServerError)):
        app.config["PROPAGATE_EXCEPTIONS"] = True


class InFlight:
    """Counts the requests under way."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def add(self, change: int) -> None:
        with self._changed:
            self._count += change
            self._changed.notify_all()

    def wait_for_none(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0)


class Replica:
    """WSGI: answers what concerns the replica itself and hands everything else to the application."""

    def __init__(
        self, app: Any, settings: Settings, metadata: Metadata, draining: Draining, in_flight: InFlight
    ) -> None:
        self.app = app
        self.settings = settings
        self.metadata = metadata
        self.draining = draining
        self.in_flight = in_flight

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        self.in_flight.add(1)
        try:
            body = self.answer(environ, start_response)
        except BaseException:
            self.in_flight.add(-1)
            raise
        # The server closes the body when its last byte is written.
        return ClosingIterator(body, lambda: self.in_flight.add(-1))

    def answer(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID"))
        environ["HTTP_X_REQUEST_ID"] = request_id
        path = environ.get("PATH_INFO", "")
        is_accepted = self.settings.accepts(environ.pop(SECRET_VARIABLE, None))
        known = self.metadata.open_answer(path, self.draining.has_begun)
        if known is not None:
            return send_json(start_response, *known)
        if not is_accepted:
            body = failure("replica.forbidden", "Requests come through the gateway.", request_id)
            return send_json(start_response, 403, body)
        described = self.metadata.answer(path)
        if described is not None:
            return send_json(start_response, 200, described)
        try:
            return self.app(environ, start_response)
        except Exception:
            log.exception("request %s failed", request_id)
            message = "The model server failed on this request; its log has the details."
            return send_json(start_response, 500, failure("model.failed", message, request_id), sys.exc_info())


def send_json(start_response: Callable, status: int, body: dict, error: Any = None) -> Iterable[bytes]:
    data = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    start_response(f"{status} {REASONS[status]}", headers, error)
    return [data]


class Handler(WSGIRequestHandler):
    """Says nothing about each request: the gateway counts them."""

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        pass


def serve(server: BaseWSGIServer, in_flight: InFlight) -> None:
    """Serves until it is shut down, then until no request is under way."""
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    in_flight.wait_for_none()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = read_settings()
    if settings.entry:
        app, metadata = load_entry(settings.entry), metadata_of_entry(settings)
    else:
        server_of_model, metadata = default_server(settings)
        app = default_app(server_of_model)
    pass_failures_on(app)
    listener = open_listener(settings)
    listener.listen(128)
    in_flight = InFlight()
    # shutdown() waits until serve_forever has ended, so it may not run in the thread that serves.
    draining = Draining(lambda: threading.Thread(target=server.shutdown, daemon=True).start())
    host = f"unix://{settings.socket}" if settings.socket else settings.host
    replica = Replica(app, settings, metadata, draining, in_flight)
    server = make_server(
        host, settings.port or 0, replica, threaded=True, request_handler=Handler, fd=listener.fileno()
    )
    listener.close()
    draining.install()
    serve(server, in_flight)


if __name__ == "__main__":
    main()
