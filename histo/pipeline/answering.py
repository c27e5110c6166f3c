"""Which bundles answer for a slide."""

from collections.abc import Iterable

from histo.errors import ConfigError, StainError
from histo.nn import Bundle, load_bundle
from histo.pipeline.naming import Naming, naming_for
from histo.pipeline.options import ScoreOptions
from histo.stains import CLASH_CONFIDENCE, StainGuess
from histo.vocabulary import Marker, Stain

__all__ = ["choose_bundles", "marker_of"]


def choose_bundles(guess: StainGuess, options: ScoreOptions) -> tuple[list[Bundle], list[str]]:
    """Return the bundles that answer for a slide, and what the user should be told.

    The stain is the user's word if given, else what the pixels say. Both must agree where the
    pixels are clear, and the bundle must have learnt that stain, and of an immunostain the marker;
    ``force`` goes on all the same, brown without a marker is then scored as ``positive``.

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
    for clash, remedy in _unlearnt(stain, bundles, options):
        notes.append(_forced(clash, remedy, options))
    _require_different_components(bundles, naming_for(stain, options))
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


def _unlearnt(stain: Stain, bundles: list[Bundle], options: ScoreOptions) -> list[tuple[str, str]]:
    """Return (what a bundle did not learn, what to do about it)."""
    found = []
    for card in (bundle.card for bundle in bundles):
        if stain not in card.stains:
            clash = f"bundle {card.name} learnt {_both(card.stains)}"
            clash += f", but the slide has {_called(stain)}"
            found.append((clash, "choose another --bundle"))
        elif stain == Stain.HDAB and card.markers and options.marker is None:
            clash = f"bundle {card.name} finds what is brown and cannot tell what that stands for"
            found.append((clash, _say_marker(card.markers)))
        elif stain == Stain.HDAB and card.markers and options.marker not in card.markers:
            clash = f"bundle {card.name} learnt {_both(card.markers)}"
            clash += f", but --marker says {options.marker}"
            found.append((clash, "choose another --bundle"))
    return found


def _say_marker(markers: Iterable[Marker]) -> str:
    return f"say it with --marker ({', '.join(markers)})"


def _both(names: Iterable[str]) -> str:
    return " and ".join(names)


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
    markers = [e.marker for e in panel.entries if e.stain == stain and e.marker is not None]
    if entry is None and marker is None and markers:
        raise StainError(
            f"the slide has {stain}, and nothing says what its brown stands for; "
            f"{_say_marker(markers)}, or in the file's name."
        )
    if entry is None:
        asked = _called(stain) + (f" with marker {marker}" if marker else "")
        known = ", ".join(f"{e.stain}{f' {e.marker}' if e.marker else ''}" for e in panel.entries)
        raise StainError(
            f"no bundle of the panel '{panel.name}' answers for {asked} "
            f"(it has: {known}); give one with --bundle, or the true stain with --stain."
        )
    return entry.bundles


def _require_different_components(bundles: list[Bundle], naming: Naming) -> None:
    for bundle in bundles:
        if not naming.components(bundle):
            raise ConfigError(
                f"the panel drops every output of bundle {bundle.card.name}; correct its rename."
            )
    names = [str(name) for bundle in bundles for name in naming.components(bundle)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"two bundles give {' and '.join(twice)}; give one --bundle for each component."
        )
