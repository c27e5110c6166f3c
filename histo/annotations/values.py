"""Values of label images, named as a class map names them."""

__all__ = ["class_name"]


def class_name(value: int, is_colour: bool) -> str:
    """Return the name of a value: the number, or a colour as ``#rrggbb``."""
    return f"#{value:06x}" if is_colour else str(value)
