"""Recipes for public data sets: from a downloaded folder to a manifest."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Self

from pydantic import Field, field_validator, model_validator

from histo.annotations.class_map import ClassMap
from histo.assets import shipped
from histo.config import StrictModel
from histo.errors import ConfigError
from histo.training.manifests.manifest import ManifestRow
from histo.vocabulary import Component, Marker, Stain

__all__ = ["FileRule", "Recipe", "load_recipe", "prepare_rows", "recipe_names"]

_WHOLE = ("class:", "centre:")


class FileRule(StrictModel):
    """Which files of the folder are slides, and what their names say.

    Texts in braces are filled in: the groups of ``slide``, and ``{folder}``, ``{stem}`` and
    ``{name}`` of the file.

    Attributes
    ----------
    slide
        Regular expression of the whole path below the folder, with "/" between folders.
    annotation
        Path below the folder, ``class:NAME`` or ``centre:NAME``; empty for none.
    optional
        Whether slides without their annotation file are listed, rather than left out.
    class_map
        Which of the recipe's class maps applies.
    stain
        Where it is not the recipe's.
    """

    slide: str
    annotation: str = ""
    optional: bool = False
    class_map: str = ""
    patient: str
    site: str = ""
    organ: str = ""
    stain: Stain | None = None
    marker: str = ""
    split: str = ""
    known_components: tuple[Component, ...] = ()

    @field_validator("slide")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as fault:
            raise ValueError(f"no regular expression: {fault}") from fault
        return pattern

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        known = {"folder", "stem", "name", *re.compile(self.slide).groupindex}
        texts = (self.annotation, self.patient, self.site, self.organ, self.marker, self.split)
        for text in texts:
            asked = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
            if not asked <= known:
                unknown = ", ".join(sorted(asked - known))
                raise ValueError(f"'{text}' asks for {unknown}, which is no group of slide")
        return self


class Recipe(StrictModel):
    """A public data set: where it is, what may be done with it, what its classes mean here.

    Attributes
    ----------
    licence
        As stated by its authors; says "check" where that could not be confirmed.
    folder
        The shape the downloaded folder is expected to have.
    unknown
        What the data set cannot teach, and what to look out for.
    """

    name: str
    title: str
    link: str
    doi: str = ""
    licence: str
    stain: Stain
    marker: Marker | None = None
    organ: str = ""
    mpp: float | None = None
    folder: str
    unknown: tuple[str, ...] = Field(min_length=1)
    class_maps: dict[str, ClassMap] = Field(default_factory=dict)
    files: tuple[FileRule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _maps_exist(self) -> Self:
        for rule in self.files:
            if rule.class_map and rule.class_map not in self.class_maps:
                raise ValueError(f"no class map '{rule.class_map}'")
            if rule.annotation and not rule.class_map:
                raise ValueError(f"the rule of {rule.slide} needs a class map")
        return self


def recipe_names() -> list[str]:
    """Names of the recipes that ship with histo."""
    return sorted(file.stem for file in (shipped("data_manifests") / "recipes").glob("*.yaml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Load a recipe by shipped name, or from a YAML file.

    Raises
    ------
    ConfigError
        If there is none, or it has a fault.
    """
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = shipped("data_manifests") / "recipes" / f"{name_or_path}.yaml"
    if not path.is_file():
        known = ", ".join(recipe_names())
        raise ConfigError(f"no recipe '{Path(name_or_path).name}'; there are {known}.")
    return Recipe.from_yaml(path)


def prepare_rows(
    recipe: Recipe, folder: Path, root: Path, mpp: float | None = None
) -> tuple[list[ManifestRow], int]:
    """List the slides of a downloaded folder.

    Parameters
    ----------
    recipe
        Of that data set.
    folder
        Where it was unpacked; files are found at any depth that the recipe expects below it.
    root
        Folder the manifest will stand in: paths in the rows are relative to it.
    mpp
        µm/px that counts before the recipe's.

    Returns
    -------
    rows
        Sorted by path.
    left_out
        How many slides have no annotation file and were left out.

    Raises
    ------
    ConfigError
        If no file has the expected shape.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder.name} is no folder; give the one the download was unpacked to.")
    rows: list[ManifestRow] = []
    left_out = 0
    for rule in recipe.files:
        for path, said in _matches(rule, folder):
            annotation = rule.annotation.format_map(said)
            missing = annotation and not _is_there(folder, annotation)
            if missing and not rule.optional:
                left_out += 1
                continue
            if annotation and not annotation.startswith(_WHOLE):
                annotation = _relative(folder / annotation, root)
            files = _relative(folder / path, root), "" if missing else annotation
            rows.append(_row(recipe, rule, said, files, mpp))
    if not rows:
        without = f", or {left_out} slides lack their annotations" if left_out else ""
        raise ConfigError(
            f"{folder.name} has nothing in the shape of {recipe.name}{without}; "
            f"expected {' '.join(recipe.folder.split())}"
        )
    return sorted(rows, key=lambda row: (row.slide, row.annotation)), left_out


def _matches(rule: FileRule, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    pattern = re.compile(rule.slide)
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        found = pattern.fullmatch(path)
        if found and file.is_file():
            parent = file.relative_to(folder).parent.as_posix()
            said = {"folder": parent, "stem": file.stem, "name": file.name}
            yield path, said | {k: v or "" for k, v in found.groupdict().items()}


def _is_there(folder: Path, annotation: str) -> bool:
    return annotation.startswith(_WHOLE) or (folder / annotation).is_file()


def _row(
    recipe: Recipe,
    rule: FileRule,
    said: dict[str, str],
    files: tuple[str, str],
    mpp: float | None,
) -> ManifestRow:
    slide, annotation = files
    values = {
        "slide": slide,
        "annotation": annotation,
        "patient": rule.patient.format_map(said),
        "site": rule.site.format_map(said),
        "stain": rule.stain or recipe.stain,
        "marker": rule.marker.format_map(said) or recipe.marker,
        "organ": rule.organ.format_map(said).lower() or recipe.organ,
        "mpp": mpp or recipe.mpp,
        "split": rule.split.format_map(said),
        "known_components": rule.known_components,
        "class_map": f"{recipe.name}/{rule.class_map}" if annotation else "",
        "licence": recipe.licence,
        "source": recipe.name,
    }
    return ManifestRow.parse(values, f"recipe {recipe.name}, {slide}")


def _relative(path: Path, root: Path) -> str:
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # another drive of Windows
        return path.resolve().as_posix()
