"""What a server without an entry serves: the model of the version's folder."""

from .inference import InferenceServer
from .loaders import load_model
from .metadata import Metadata
from .replica import Settings
from .signature import read_signature


def default_server(settings: Settings) -> "tuple[InferenceServer, Metadata]":
    """Loads the model. Raises SystemExit that says why where it cannot be served."""
    model = load_model(settings.model)
    try:
        signature = read_signature(settings.model, model.signature)
    except ValueError as error:
        raise SystemExit(f"The model's signature cannot be used: {error}") from error
    return InferenceServer(settings, model, signature), Metadata(settings, signature, model.platform)
