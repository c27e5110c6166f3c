"""What a person opens: JSON, CSV, GeoJSON, a pyramidal OME-TIFF and a picture, written atomically.

The names below load their modules on first use, so importing this room is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from histo.outputs.component_tiff import write_component_tiff
    from histo.outputs.folder import result_folder, safe_name
    from histo.outputs.overview import overview_um_per_px, write_overview
    from histo.outputs.regions import write_regions
    from histo.outputs.results import SlideDescription, SlideResults, write_results
    from histo.outputs.scores_csv import write_scores_csv
    from histo.outputs.scores_json import scores_document, scores_schema, write_scores_json

__all__ = [
    "SlideDescription",
    "SlideResults",
    "overview_um_per_px",
    "result_folder",
    "safe_name",
    "scores_document",
    "scores_schema",
    "write_component_tiff",
    "write_overview",
    "write_regions",
    "write_results",
    "write_scores_csv",
    "write_scores_json",
]

_HOME = {
    "SlideDescription": "results",
    "SlideResults": "results",
    "overview_um_per_px": "overview",
    "result_folder": "folder",
    "safe_name": "folder",
    "scores_document": "scores_json",
    "scores_schema": "scores_json",
    "write_component_tiff": "component_tiff",
    "write_overview": "overview",
    "write_regions": "regions",
    "write_results": "results",
    "write_scores_csv": "scores_csv",
    "write_scores_json": "scores_json",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module the first time it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'histo.outputs' has no attribute '{name}'")
    return getattr(import_module(f"histo.outputs.{_HOME[name]}"), name)
