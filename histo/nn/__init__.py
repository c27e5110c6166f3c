"""Networks and trained bundles. Only ``network``, ``losses``, ``torch_predictor`` need torch."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from histo.nn.backends import load_predictor
    from histo.nn.bundle import Bundle, load_bundle
    from histo.nn.card import Card
    from histo.nn.predictor import Predictor
    from histo.nn.verify import verify_bundle

__all__ = ["Bundle", "Card", "Predictor", "load_bundle", "load_predictor", "verify_bundle"]

_HOME = {
    "Bundle": "bundle",
    "Card": "card",
    "Predictor": "predictor",
    "load_bundle": "bundle",
    "load_predictor": "backends",
    "verify_bundle": "verify",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module the first time it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'histo.nn' has no attribute '{name}'")
    return getattr(import_module(f"histo.nn.{_HOME[name]}"), name)
