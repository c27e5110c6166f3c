"""``histo doctor``: versions, devices and backends, and how to mend what is missing."""

from importlib.util import find_spec
from typing import Any

import typer

from histo.cli.console import DEBUG, JSON, faults, print_json

__all__ = ["doctor"]

_EXTRAS = {
    "torch": "GPU inference: pip install 'histo-stroma[gpu]'",
    "lightning": "training: pip install 'histo-stroma[train]'",
}


def doctor(as_json: bool = JSON, debug: bool = DEBUG) -> None:
    """Show versions, devices and backends, with a one-line remedy for what is missing."""
    with faults(debug=debug):
        report = _report()
        if as_json:
            print_json(report)
        else:
            for name, version in report["versions"].items():
                typer.echo(f"{name:<28} {version}")
            typer.echo(f"{'processor':<28} {report['cpu']}")
            typer.echo(f"{'devices':<28} {', '.join(report['devices'])}")
            for name, state in report["backends"].items():
                typer.echo(f"{name:<28} {state}")
            for line in report["remedies"]:
                typer.echo(f"To add {line}")
            for line in report["faults"]:
                typer.echo(f"Fault: {line}", err=True)
        if report["faults"]:
            raise typer.Exit(1)


def _report() -> dict[str, Any]:
    import os

    from histo.assets import bundle_names
    from histo.nn.backends import available_devices
    from histo.provenance import versions

    wrong: list[str] = []
    backends = {"openvino": _state(_openvino, wrong), "openslide": _state(_openslide, wrong)}
    if not bundle_names():
        wrong.append("no bundle was found; install histo again: pip install --force-reinstall .")
    return {
        "versions": versions(),
        "cpu": f"{os.cpu_count()} threads",
        "devices": available_devices(),
        "backends": backends,
        "bundles": bundle_names(),
        "remedies": [line for name, line in _EXTRAS.items() if find_spec(name) is None],
        "faults": wrong,
    }


def _state(probe: Any, wrong: list[str]) -> str:
    try:
        return str(probe())
    except Exception as fault:
        name = probe.__name__.strip("_")
        remedy = f"pip install --force-reinstall {name}"
        wrong.append(f"{name} does not load ({type(fault).__name__}); try: {remedy}")
        return "does not load"


def _openvino() -> str:
    from histo.nn.openvino_predictor import cpu_has_bf16

    return "ready, " + ("bf16 and f32" if cpu_has_bf16() else "f32")


def _openslide() -> str:
    import openslide

    return f"ready, library {openslide.__library_version__}"
