"""What can go wrong and a user can mend.

::

    HistoError
    ├── SlideError            a slide file
    │   ├── SlideOpenError        is missing, unreadable, truncated or no slide
    │   ├── SpacingError          has no µm/px, or an implausible one
    │   └── UnsupportedSlideError is readable but of a kind histo does not score
    ├── TissueError           nothing on the slide can be scored
    ├── StainError            the stain clashes with the bundle or the user's word
    ├── AnnotationError       an annotation file is broken or does not fit the slide
    ├── BundleError           a trained bundle is missing, altered or unfit
    │   └── LicenceError          may not be used that way
    ├── BackendError          a device or an inference library is missing or failed
    ├── ConfigError           a configuration or manifest has a fault
    ├── TableError            a table of scores has a fault, or does not fit another
    └── OutputError           results cannot be written

Every message is one sentence or two: what was expected, what was found, what to do.
A wrong *argument* of a function raises ``ValueError`` or ``TypeError`` instead.
"""

__all__ = [
    "AnnotationError",
    "BackendError",
    "BundleError",
    "ConfigError",
    "HistoError",
    "LicenceError",
    "OutputError",
    "SlideError",
    "SlideOpenError",
    "SpacingError",
    "StainError",
    "TableError",
    "TissueError",
    "UnsupportedSlideError",
]


class HistoError(Exception):
    """Anything a user can mend in data, files or settings."""


class SlideError(HistoError):
    """A slide cannot be used.

    Attributes
    ----------
    slide
        File name (never the path) of the slide, or "" if it has none.
    """

    def __init__(self, message: str, *, slide: str = "") -> None:
        super().__init__(message)
        self.slide = slide


class SlideOpenError(SlideError):
    """The file is missing, unreadable, truncated or no slide."""


class SpacingError(SlideError):
    """The slide has no µm/px, or an implausible one."""


class UnsupportedSlideError(SlideError):
    """The file is a readable image of a kind that is not scored."""


class TissueError(HistoError):
    """Nothing on the slide can be scored."""


class StainError(HistoError):
    """The stain clashes with the bundle or with what the user said."""


class AnnotationError(HistoError):
    """An annotation file is broken or does not fit the slide."""


class BundleError(HistoError):
    """A trained bundle is missing, altered or unfit for the job."""


class LicenceError(BundleError):
    """A bundle's or data set's licence does not allow this use."""


class BackendError(HistoError):
    """A device or inference library is missing or failed."""


class ConfigError(HistoError):
    """A configuration or manifest has a fault."""


class TableError(HistoError):
    """A table of scores has a fault, or does not fit the one beside it."""


class OutputError(HistoError):
    """Results cannot be written."""
