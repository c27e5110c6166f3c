"""Which bundles answer for a slide."""

from histo.errors import ConfigError, StainError
from histo.nn import Bundle, load_bundle
from histo.pipeline.options import ScoreOptions
from histo.stains import CLASH_CONFIDENCE, StainGuess
from histo.vocabulary import Marker, Stain

__all__ = ["choose_bundles", "marker_of"]


def choose_bundles(guess: StainGuess, options: ScoreOptions) -> tuple[list[Bundle], list[str]]:
    """Return the bundles that answer for a slide, and what the user should be told.

    The stain is the user's word if given, else what the pixels say. Both must agree where the
    pixels are clear, and the bundle must have learnt that stain; ``force`` goes on all the same.

    Raises
    ------
    StainError
        On a clash, or where nothing answers for the stain.
    ConfigError
        If there is no such panel, or two bundles give the same component.
    BundleError
        If there is no such bundle, or its card is at fault.
    """
    stain = options.stain or guess.stain
    notes = []
    for clash, remedy in _clashes(stain, guess, options):
        notes.append(_forced(clash, remedy, options))
    if options.stain is None and guess.confidence < CLASH_CONFIDENCE:
        notes.append(
            f"The stain looks like {_called(guess.stain)}, but only with confidence "
            f"{guess.confidence:.2f}; say what it is with --stain."
        )
    bundles = [load_bundle(name) for name in options.bundles or _panel_names(stain, options)]
    for bundle in bundles:
        if stain not in bundle.card.stains:
            learnt = " and ".join(bundle.card.stains)
            clash = f"bundle {bundle.card.name} learnt {learnt}, but the slide has {_called(stain)}"
            notes.append(_forced(clash, "choose another --bundle", options))
    _require_different_components(bundles)
    return bundles, notes


def marker_of(name: str, guess: StainGuess, options: ScoreOptions) -> Marker | None:
    """Return the marker of an immunostain: what the user says, else what its file name says.

    Raises
    ------
    ConfigError
        If there is no such panel, or it is at fault.
    """
    if options.marker is not None or (options.stain or guess.stain) != Stain.HDAB:
        return options.marker
    return options.read_panel().marker_of(name)


def _clashes(stain: Stain, guess: StainGuess, options: ScoreOptions) -> list[tuple[str, str]]:
    """Return (what clashes, what to do about it) of what the user said of the slide."""
    found = []
    if stain != guess.stain and guess.confidence >= CLASH_CONFIDENCE:
        seen = f"the slide looks like {_called(guess.stain)} (confidence {guess.confidence:.2f})"
        found.append((f"{seen}, but --stain says {stain}", "correct --stain"))
    if options.marker is not None and stain != Stain.HDAB:
        said = f"--marker {options.marker} is for {Stain.HDAB} slides"
        found.append((f"{said}, but this one has {_called(stain)}", "leave --marker out"))
    return found


def _forced(clash: str, remedy: str, options: ScoreOptions) -> str:
    if not options.force:
        raise StainError(f"{clash}; {remedy}, or pass --force to go on.")
    return f"Forced: {clash}."


def _called(stain: Stain) -> str:
    return "an unknown stain" if stain == Stain.OTHER else str(stain)


def _panel_names(stain: Stain, options: ScoreOptions) -> list[str]:
    panel = options.read_panel()
    marker = options.marker if stain == Stain.HDAB else None
    entry = panel.entry(stain, marker)
    if entry is None:
        asked = _called(stain) + (f" with marker {marker}" if marker else "")
        known = ", ".join(f"{e.stain}{f' {e.marker}' if e.marker else ''}" for e in panel.entries)
        raise StainError(
            f"no bundle of the panel '{panel.name}' answers for {asked} "
            f"(it has: {known}); give one with --bundle, or the true stain with --stain."
        )
    return entry.bundles


def _require_different_components(bundles: list[Bundle]) -> None:
    names = [str(name) for bundle in bundles for name in bundle.card.components]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"two bundles give {' and '.join(twice)}; give one --bundle for each component."
        )
