"""What the model servers of all frameworks share: settings, the listening socket, the user's entry and draining.
Needs nothing but the standard library; runs on Python 3.9 and later."""

import argparse
import hmac
import importlib.util
import json
import logging
import os
import re
import signal
import socket
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

log = logging.getLogger("slipway.replica")

# After SIGTERM the gateway needs a few of its readiness checks to take notice: until then requests are served.
DRAIN_NOTICE_S = 3.0
SECRET_HEADER = "x-slipway-replica-secret"


@dataclass(frozen=True)
class Settings:
    """Where to listen, what to serve and what to tell about it."""

    entry: Optional[str]
    socket: Optional[str]
    host: str
    port: Optional[int]
    model: Optional[Path]
    name: str
    version: str
    receipt: Optional[str]
    secret: Optional[str]
    digests: dict

    def accepts(self, secret: Optional[str]) -> bool:
        """Whether a request with this secret comes from the gateway."""
        return self.secret is None or hmac.compare_digest((secret or "").encode("latin-1"), self.secret.encode())


def read_settings() -> Settings:
    """Settings from the command line; what it does not name comes from the environment."""
    env = os.environ
    parser = argparse.ArgumentParser(description="Serves one model version to the Slipway gateway.")
    parser.add_argument("--entry", default=env.get("SLIPWAY_ENTRY"), help="Python file with an `app`")
    parser.add_argument("--socket", default=env.get("SLIPWAY_SOCKET"), help="Unix socket to listen on")
    parser.add_argument("--host", default=env.get("SLIPWAY_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=env.get("SLIPWAY_PORT"))
    parser.add_argument("--model", default=env.get("SLIPWAY_MODEL"), help="folder of the model version")
    args = parser.parse_args()
    if (args.socket is None) == (args.port is None):
        parser.error("exactly one of --socket (SLIPWAY_SOCKET) and --port (SLIPWAY_PORT) is needed")
    secret_file = env.get("SLIPWAY_REPLICA_SECRET_FILE")
    return Settings(
        entry=args.entry or None,
        socket=args.socket,
        host=args.host,
        port=args.port,
        model=Path(args.model) if args.model else None,
        name=env.get("SLIPWAY_MODEL_NAME", "model"),
        version=env.get("SLIPWAY_MODEL_VERSION", ""),
        receipt=env.get("SLIPWAY_RECEIPT") or None,
        secret=Path(secret_file).read_text().strip() if secret_file else None,
        digests=json.loads(env.get("SLIPWAY_MODEL_DIGESTS") or "{}"),
    )


def open_listener(settings: Settings) -> socket.socket:
    """The bound socket. A socket file left by a process that has ended is replaced; the new one is for its owner only."""
    if settings.socket is None:
        listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        return listener
    Path(settings.socket).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(settings.socket)
    finally:
        os.umask(before)
    return listener


def load_entry(entry: str) -> Any:
    """The `app` of the user's file; its folder is importable."""
    path = Path(entry).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("slipway_entry", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["slipway_entry"] = module
    spec.loader.exec_module(module)
    app = getattr(module, "app", None)
    if app is None:
        raise SystemExit(f"{path} defines no `app`.")
    return app


def request_id_of(given: Optional[str]) -> str:
    """The gateway's id of a request, or a new one."""
    return given if given and re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", given) else str(uuid.uuid4())


def failure(code: str, message: str, request_id: str) -> dict:
    """The body of an error."""
    return {"code": code, "message": message, "requestId": request_id}


class Draining:
    """On the first SIGTERM or SIGINT says so for a while, then calls `stop`; on the second calls it at once."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.has_begun = False
        self._stop = stop

    def handle(self, signum: int, frame: Any) -> None:
        if self.has_begun:
            self._stop()
            return
        self.has_begun = True
        log.info("draining after signal %d", signum)
        timer = threading.Timer(DRAIN_NOTICE_S, self._stop)
        timer.daemon = True
        timer.start()

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self.handle)
        signal.signal(signal.SIGINT, self.handle)
