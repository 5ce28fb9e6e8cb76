"""What a replica tells of itself whatever serves the requests: liveness, readiness and the model's metadata, by which a
prediction leads back to its receipt."""

import json
from typing import Any, Optional

from .replica import Settings, log
from .signature import Signature, read_signature


class Metadata:
    """The answers that need no model."""

    def __init__(self, settings: Settings, signature: Optional[Signature], platform: str) -> None:
        described = None if signature is None else signature.content
        self._model = {
            "name": settings.name,
            "versions": [settings.version],
            "platform": platform,
            "inputs": [] if signature is None else signature.tensors(),
            "outputs": output_tensors(described or {}),
            "version": settings.version,
            "signature": described,
            "signatureFrom": None if signature is None else signature.source,
            "digests": settings.digests,
            "receipt": settings.receipt,
        }
        self._server = {"name": "slipway", "version": settings.version, "extensions": []}
        self._paths = {f"/v2/models/{settings.name}", f"/v2/models/{settings.name}/versions/{settings.version}"}

    def open_answer(self, path: str, is_draining: bool) -> Optional[tuple]:
        """Status and body for paths that anybody may ask; None for others."""
        if path == "/health":
            return 200, {"status": "ok"}
        if path == "/v2/health/live":
            return 200, {"live": True}
        if path in ("/ready", "/v2/health/ready"):
            return (503 if is_draining else 200), {"ready": not is_draining}
        return None

    def answer(self, path: str) -> Optional[dict]:
        """The body for paths that the gateway may ask; None for others."""
        if path in self._paths:
            return self._model
        return self._server if path == "/v2" else None


def output_tensors(content: dict) -> list:
    """Outputs of a signature as the Open Inference Protocol describes them, as far as it says what they are."""
    outputs: Any = content.get("outputs")
    if not isinstance(outputs, dict):
        return []
    return [
        {"name": name, "datatype": DATATYPES.get(spec["type"], "BYTES"), "shape": spec.get("shape", [-1])}
        for name, spec in outputs.items()
        if isinstance(spec, dict) and isinstance(spec.get("type"), str)
    ]


DATATYPES = {"float": "FP64", "int": "INT64", "boolean": "BOOL", "string": "BYTES"}


def metadata_of_entry(settings: Settings) -> Metadata:
    """Of a user's own server: its signature is shown where it has one, and is the user's own business."""
    try:
        signature = read_signature(settings.model)
    except (ValueError, OSError, json.JSONDecodeError) as error:
        log.warning("the signature is not shown: %s", error)
        signature = None
    return Metadata(settings, signature, "python")
