"""Serves a FastAPI (or any ASGI) application with uvicorn as a replica of a Slipway endpoint.

Started as `python server.py`; settings are in shared/slipway_server/replica.py. Without an entry it serves the model
itself, see shared/slipway_server/inference.py. Adds `/health`, `/ready` and `/v2/models/NAME`.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared"))

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
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

# Above the time after which the gateway stops using an idle connection: then no request meets a closing one.
KEEP_ALIVE_S = 75


def default_app(server: InferenceServer) -> FastAPI:
    """An application around the model itself."""
    app = FastAPI(openapi_url=None)

    async def serve(request: Request) -> Response:
        path = request.scope["path"]
        request_id, prefix = (request.headers.get(name, "") for name in ("x-request-id", "x-forwarded-prefix"))
        body = await request.body()
        # The model computes in a thread: readiness is answered meanwhile.
        answer = await run_in_threadpool(server.answer, request.method, path, body, request_id, prefix)
        headers = {} if answer.allow is None else {"Allow": answer.allow}
        return Response(answer.body, answer.status, headers, answer.content_type)

    app.add_api_route("/{path:path}", serve, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    return app


def answer_failures(app: Any) -> None:
    """Unhandled exceptions become JSON with the request's id, unless the application answers them itself."""
    if not isinstance(app, FastAPI) or Exception in app.exception_handlers or 500 in app.exception_handlers:
        return

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse(internal_failure(request.headers.get("x-request-id", "")), status_code=500)

    app.add_exception_handler(Exception, answer)


def internal_failure(request_id: str) -> dict:
    return failure("model.failed", "The model server failed on this request; its log has the details.", request_id)


class Replica:
    """ASGI: answers what concerns the replica itself and hands everything else to the application."""

    def __init__(self, app: Any, settings: Settings, metadata: Metadata, draining: Draining) -> None:
        self.app = app
        self.settings = settings
        self.metadata = metadata
        self.draining = draining

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        request_id = request_id_of(headers.get(b"x-request-id"))
        ours = (SECRET_HEADER.encode(), b"x-request-id")
        passed_on = [pair for pair in scope["headers"] if pair[0] not in ours]
        scope = {**scope, "headers": [*passed_on, (b"x-request-id", request_id.encode())]}
        if scope["type"] == "http":
            await self.serve_http(scope, receive, self.closing(send), headers, request_id)
        elif self.settings.accepts(headers.get(SECRET_HEADER.encode())):
            await self.app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def closing(self, send: Any) -> Any:
        """While draining every answer ends its connection."""

        async def send_closing(message: dict) -> None:
            if message["type"] == "http.response.start" and self.draining.has_begun:
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        return send_closing

    async def serve_http(self, scope: dict, receive: Any, send: Any, headers: dict, request_id: str) -> None:
        path = scope["path"]
        known = self.metadata.open_answer(path, self.draining.has_begun)
        if known is not None:
            await send_json(send, *known)
        elif not self.settings.accepts(headers.get(SECRET_HEADER.encode())):
            await send_json(send, 403, failure("replica.forbidden", "Requests come through the gateway.", request_id))
        elif (described := self.metadata.answer(path)) is not None:
            await send_json(send, 200, described)
        else:
            await self.serve_app(scope, receive, send, request_id)

    async def serve_app(self, scope: dict, receive: Any, send: Any, request_id: str) -> None:
        has_started = False

        async def watch(message: dict) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception:
            log.exception("request %s failed", request_id)
            if not has_started:
                await send_json(send, 500, internal_failure(request_id))
            # Otherwise FastAPI has sent a whole answer already, or uvicorn sees that it is not whole and closes.


async def send_json(send: Any, status: int, body: dict) -> None:
    data = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


class Server(uvicorn.Server):
    """uvicorn, with Slipway's way to drain."""

    draining: Draining

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.draining.handle(sig, frame)

    def stop(self) -> None:
        self.should_exit = True


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = read_settings()
    if settings.entry:
        app, metadata = load_entry(settings.entry), metadata_of_entry(settings)
    else:
        server_of_model, metadata = default_server(settings)
        app = default_app(server_of_model)
    answer_failures(app)
    config = uvicorn.Config(app, access_log=False, log_config=None, timeout_keep_alive=KEEP_ALIVE_S, server_header=False)
    server = Server(config)
    server.draining = Draining(server.stop)
    config.app = Replica(app, settings, metadata, server.draining)
    server.run(sockets=[open_listener(settings)])
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main()
