"""From a row of a manifest to its slide and its labels."""

from pathlib import Path

from histo.annotations.annotation import Annotation
from histo.annotations.class_map import ClassMap
from histo.annotations.labels import Labels, open_labels, whole_slide_labels
from histo.annotations.planes import Painter
from histo.assets import shipped
from histo.config import read_yaml
from histo.errors import ConfigError
from histo.slides import Slide, open_slide
from histo.training.manifests.manifest import ManifestRow
from histo.training.manifests.recipes import load_recipe
from histo.training.manifests.rule_labels import (
    COLLAGEN_RULE,
    RULE_MAP,
    collagen_rule_labels,
)

__all__ = ["open_row", "row_class_map", "row_labels"]


def open_row(row: ManifestRow, root: Path) -> Slide:
    """Open the slide of a row with the µm/px the row gives; see `histo.slides.open_slide`."""
    return open_slide(root / row.slide, mpp=row.mpp)


def row_class_map(row: ManifestRow, root: Path) -> ClassMap:
    """Return what the classes of a row mean, for the components that were looked for.

    A YAML file is looked for in ``root``, then among those that ship with the manifests.

    Raises
    ------
    ConfigError
        If there is no such map, or it has a fault.
    AnnotationError
        If the map leads to none of the known components.
    """
    name = row.class_map
    if row.annotation == COLLAGEN_RULE:
        found = RULE_MAP
    elif name.endswith((".yaml", ".yml")):
        beside, ours = root / name, shipped("data_manifests") / name
        found = ClassMap.parse(read_yaml(beside if beside.is_file() else ours), beside.name)
    else:
        recipe, _, part = name.partition("/")
        maps = load_recipe(recipe).class_maps
        if not part and len(maps) == 1:
            (part,) = maps
        if part not in maps:
            known = ", ".join(f"{recipe}/{part}" for part in maps) or "none"
            raise ConfigError(f"no class map '{name}'; the recipe has {known}.")
        found = maps[part]
    return found.knowing(row.known_components) if row.known_components else found


def row_labels(row: ManifestRow, root: Path, slide: Slide) -> Labels | None:
    """Return the labels of a row, or None where nothing is annotated.

    Parameters
    ----------
    row
        Of a manifest.
    root
        Folder that files are relative to.
    slide
        The row's slide, open.

    Raises
    ------
    ConfigError, AnnotationError, SpacingError
        If the class map, the annotation or the slide's µm/px has a fault.
    """
    if not row.annotation:
        return None
    class_map = row_class_map(row, root)
    if row.annotation == COLLAGEN_RULE:
        return collagen_rule_labels(slide, row.stain)
    kind, colon, name = row.annotation.partition(":")
    if colon and kind == "class":
        return whole_slide_labels(name, class_map, slide.shape, slide.spacing)
    if colon and kind == "centre":
        from shapely import Point

        height, width = slide.shape
        centre = Annotation(name, Point(width / 2, height / 2))
        return Painter([centre], class_map, slide.spacing)
    return open_labels(root / row.annotation, class_map, slide.shape, slide.spacing)
