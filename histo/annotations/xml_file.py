"""XML from strangers: parsed without entities, document types or anything fetched."""

from math import isfinite
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from histo.errors import AnnotationError

__all__ = ["coordinate", "parse_xml"]


def parse_xml(data: bytes, path: Path) -> Element:
    """Return the root of an XML file.

    Raises
    ------
    AnnotationError
        If it is no XML or declares a document type or entities, which annotations never need and
        attacks do (billion laughs, external entities).
    """
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as fault:
        raise AnnotationError(
            f"{path.name} declares a document type or entities, which is not accepted; "
            "remove them or export the annotation again."
        ) from fault
    except (ParseError, UnicodeError, LookupError, ValueError) as fault:
        line = fault.position[0] if isinstance(fault, ParseError) else 0
        where = f" (line {line})" if line else ""
        raise AnnotationError(f"{path.name} is no valid XML{where}; export it again.") from fault
    return root


def coordinate(node: Element, path: Path) -> tuple[float, float]:
    """Return (x, y) of a node with attributes X and Y."""
    x, y = _number(node.get("X")), _number(node.get("Y"))
    if x is None or y is None:
        raise AnnotationError(
            f"{path.name} has a {node.tag.lower()} at X='{node.get('X')}', Y='{node.get('Y')}', "
            "which are no two numbers."
        )
    return x, y


def _number(text: str | None) -> float | None:
    try:
        number = float((text or "").replace(",", "."))  # some locales write a decimal comma
    except ValueError:
        return None
    return number if isfinite(number) else None
