"""What the classes of an annotation file mean: our components, background, or nothing known."""

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from histo.config import StrictModel
from histo.errors import AnnotationError
from histo.vocabulary import Component

__all__ = ["ClassMap", "Rule"]

Elsewhere = Literal["background", "ignore"]


class Rule(StrictModel):
    """What one class means.

    Attributes
    ----------
    to
        The components present there; or ``background``: none of the map's components is there;
        or ``ignore``: nothing is known there.
    priority
        Where annotations overlap, the higher priority counts.
    """

    to: tuple[Component, ...] | Elsewhere
    priority: int = 0


class ClassMap(StrictModel):
    """How the classes of a file become labels; written in YAML.

    ::

        classes:
          Tumour: tumour                            # a component
          Stroma: background                        # annotated, and no component of this map
          /immune.*/: ignore                        # a regular expression: nothing is known there
          Region: {to: background, priority: -10}   # a drawn field: all else within is background
          3: {to: [collagen, myofibroblast]}        # a value of a label image, several components
          "#ff0000": tumour                         # a colour of a label image

    A name counts before an expression, and the first expression that fits the whole name before
    later ones; capitals and surrounding blanks do not matter. ``Outer: Inner`` falls back on the
    rule of ``Outer``.

    Attributes
    ----------
    classes
        Rule of each class.
    components
        What the annotator looked for everywhere that is annotated; all components of the rules if
        not given. Labels of any other component are unknown.
    outside
        What is true where nothing is annotated: unknown, or background where the whole slide was
        looked at.
    exclusive
        Whether a component rules out the others (regions of a tissue); otherwise each component
        is painted by its own annotations alone.
    border_um
        Half width of the band along borders in which labels are unknown, µm.
    point_radius_um
        Radius of the disc painted at a point, µm.
    """

    classes: dict[str, Rule] = Field(min_length=1)
    components: tuple[Component, ...] = ()
    outside: Literal["unknown", "background"] = "unknown"
    exclusive: bool = True
    border_um: float = Field(0.0, ge=0, le=100)
    point_radius_um: float = Field(4.0, gt=0, le=100)

    @field_validator("classes", mode="before")
    @classmethod
    def _spelt_out(cls, classes: Any) -> Any:
        """Accept ``name: word`` and ``name: [words]``, and numbers as names."""
        if not isinstance(classes, dict):
            return classes
        return {str(name).strip(): _as_rule(rule) for name, rule in classes.items()}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in self.classes:
            if _is_expression(name):
                _compiled(name)
        told = [c for rule in self.classes.values() if isinstance(rule.to, tuple) for c in rule.to]
        if not self.components:
            if not told:
                raise ValueError("no class leads to a component; say which components it knows")
            ordered = tuple(c for c in Component if c in told)
            object.__setattr__(self, "components", ordered)  # frozen only from here on
        return self

    def rule(self, name: str) -> Rule | None:
        """Return what a class means, or None where the map does not say."""
        wanted = name.strip().casefold()
        for known, rule in self.classes.items():
            if known.casefold() == wanted:
                return rule
        for known, rule in self.classes.items():
            if _is_expression(known) and _compiled(known).fullmatch(name.strip()):
                return rule
        outer, colon, _ = name.rpartition(":")
        return self.rule(outer) if colon else None

    def require(self, names: tuple[str, ...], file_name: str) -> None:
        """Raise AnnotationError unless the map says what each of these classes means."""
        unknown = [name for name in names if self.rule(name) is None]
        if unknown:
            listed = ", ".join(f"'{name}'" for name in unknown[:8])
            more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
            raise AnnotationError(
                f"{file_name} has the class {listed}{more}, which the class map does not name; "
                "map it to a component, background or ignore."
            )

    def knowing(self, components: tuple[Component, ...]) -> "ClassMap":
        """Return the map for an annotator who looked for these components only."""
        both = tuple(c for c in self.components if c in components)
        if not both:
            words = ", ".join(self.components)
            raise AnnotationError(
                f"no known component is one the class map leads to; it leads to {words}."
            )
        return self.model_copy(update={"components": both})


def _as_rule(rule: Any) -> Any:
    if isinstance(rule, str):
        return {"to": rule if rule in {"background", "ignore"} else (rule,)}
    if isinstance(rule, list):
        return {"to": tuple(rule)}
    if isinstance(rule, dict) and isinstance(rule.get("to"), str | list):
        return {**rule, "to": _as_rule(rule["to"])["to"]}
    return rule


def _is_expression(name: str) -> bool:
    return len(name) > 2 and name.startswith("/") and name.endswith("/")


def _compiled(name: str) -> re.Pattern[str]:
    try:
        return re.compile(name[1:-1], re.IGNORECASE)
    except re.error as fault:
        raise ValueError(f"{name} is no regular expression: {fault}") from fault
