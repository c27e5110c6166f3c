"""``histo doctor``: versions, devices and backends, and how to mend what is missing."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import typer

from histo.cli import options as given
from histo.cli.console import faults, print_json

__all__ = ["doctor"]

_BROKEN = "does not load"
_EXTRAS = {
    "torch": "GPU inference: pip install 'histo-stroma[gpu]'",
    "lightning": "training: pip install 'histo-stroma[train]'",
}


def doctor(as_json: given.AsJson = False, debug: given.Debug = False) -> None:
    """Show versions, devices and backends, with a one-line remedy for what is missing."""
    with faults(debug=debug):
        report = _report()
        if as_json:
            print_json(report)
        else:
            _print(report)
        if report["faults"]:
            raise typer.Exit(1)


def _report() -> dict[str, Any]:
    from histo.assets import bundle_names
    from histo.nn.backends import available_devices
    from histo.provenance import versions

    wrong: list[str] = []
    backends = {
        "openvino": _state(_openvino, "openvino", wrong),
        "openslide": _state(_openslide, "openslide-python openslide-bin", wrong),
        "torch": "not installed",
    }
    if find_spec("torch") is not None:
        backends["torch"] = _state(_torch, "torch torchvision", wrong)
    if not bundle_names():
        wrong.append(
            "no bundle was found; try: pip install --force-reinstall --no-deps histo-stroma"
        )
    return {
        "versions": versions(),
        "cpu_threads": os.cpu_count(),
        "devices": ["cpu"] if backends["torch"] == _BROKEN else available_devices(),
        "backends": backends,
        "bundles": bundle_names(),
        "remedies": [line for name, line in _EXTRAS.items() if find_spec(name) is None],
        "faults": wrong,
    }


def _print(report: dict[str, Any]) -> None:
    lines = {
        **report["versions"],
        "CPU threads": report["cpu_threads"],
        "devices": ", ".join(report["devices"]),
        **{f"{name} backend": state for name, state in report["backends"].items()},
        "bundles": ", ".join(report["bundles"]) or "none",
    }
    for name, words in lines.items():
        typer.echo(f"{name:<28} {words}")
    for line in report["remedies"]:
        typer.echo(f"To add {line}")
    for line in report["faults"]:
        typer.echo(f"Fault: {line}", err=True)


def _state(probe: Callable[[], str], packages: str, wrong: list[str]) -> str:
    """Ask a library for its state; one that does not load may raise anything."""
    try:
        return probe()
    except Exception as fault:
        remedy = f"pip install --force-reinstall {packages}"
        wrong.append(f"{packages} does not load ({type(fault).__name__}); try: {remedy}")
        return _BROKEN


def _openvino() -> str:
    from histo.nn.openvino_predictor import cpu_has_bf16

    return "ready, " + ("bf16 and f32" if cpu_has_bf16() else "f32")


def _openslide() -> str:
    import openslide

    return f"ready, library {openslide.__library_version__}"


def _torch() -> str:
    from histo.nn.backends import available_devices

    return f"ready on {', '.join(available_devices())}"
