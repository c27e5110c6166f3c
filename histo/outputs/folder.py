"""A result folder exists only if it is complete."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from histo.errors import OutputError

__all__ = ["result_folder", "safe_name"]

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(\..*)?", re.IGNORECASE)
_LONGEST_BYTES = 180  # file systems take 255; the temporary name needs room around it


def safe_name(name: str) -> str:
    """Return the name as one folder name that Linux, macOS and Windows accept.

    A name that must be altered gets eight digits of its hash, so that two names do not become
    one. Spaces inside, accents and emoji stay.

    Examples
    --------
    >>> safe_name("slide 7 ✨")
    'slide 7 ✨'
    >>> safe_name("CON")
    '_CON-a3dbc4b6'
    """
    cleaned = _FORBIDDEN.sub("_", name).strip().rstrip(". ")
    while len(cleaned.encode()) > _LONGEST_BYTES:
        cleaned = cleaned[:-1].rstrip(". ")
    if _RESERVED.fullmatch(cleaned):
        cleaned = f"_{cleaned}"  # in front: Windows reads con.txt as CON
    if cleaned and cleaned == name:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{cleaned or 'slide'}-{digest}"


@contextmanager
def result_folder(out_dir: Path, name: str, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder to write into; it takes its name only when everything is on disk.

    Files go to a temporary sibling. When the block ends they are flushed to disk and the folder
    is renamed; when it is left by any exception, Ctrl-C too, the folder is removed and an
    earlier result of the name stays as it was.

    Parameters
    ----------
    out_dir
        Where result folders are kept; made if absent.
    name
        Name of the result, made safe by :func:`safe_name`. Two slides of one run need two names.
    overwrite
        Replace an earlier result of the same name, in the moment the new one is complete.

    Yields
    ------
    Path
        The temporary folder.

    Raises
    ------
    OutputError
        If a result of that name exists, or nothing can be written (not permitted, disk full,
        a file in the way).
    """
    final = out_dir / safe_name(name)
    with _writing(out_dir):
        _prepare(out_dir, final, overwrite)
    partial = out_dir / f".{final.name}.{secrets.token_hex(4)}.partial"
    try:
        with _writing(out_dir):
            partial.mkdir()
            yield partial
            _flush(partial)
            _move_in(partial, final, overwrite)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def _writing(out_dir: Path) -> Iterator[None]:
    """Turn what the operating system says into one sentence."""
    try:
        yield
    except OSError as fault:
        reason = fault.strerror or str(fault) or type(fault).__name__
        raise OutputError(f"results cannot be written to {out_dir} ({reason}).") from fault


def _prepare(out_dir: Path, final: Path, overwrite: bool) -> None:
    if out_dir.exists() and not out_dir.is_dir():
        raise OutputError(f"{out_dir} is a file; --out expects a folder.")
    out_dir.mkdir(parents=True, exist_ok=True)
    _refuse_existing(final, overwrite)


def _refuse_existing(final: Path, overwrite: bool) -> None:
    if not os.path.lexists(final):
        return
    if not final.is_dir() or final.is_symlink():
        raise OutputError(f"{final} is in the way: it is no result folder; move or rename it.")
    if not overwrite:
        raise OutputError(f"{final} exists; pass --overwrite to replace it, or another --out.")


def _flush(folder: Path) -> None:
    """Have the operating system put every file, then the folders, on disk.

    A full disk may show only here.
    """
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())
    for inner in [*(path for path in folder.rglob("*") if path.is_dir()), folder]:
        _flush_folder(inner)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders; its renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move_in(partial: Path, final: Path, overwrite: bool) -> None:
    """Give the folder its name; an earlier result steps aside and comes back on failure.

    Checked again, as another process may have finished the same slide meanwhile.
    """
    _refuse_existing(final, overwrite)
    if not final.exists():
        os.replace(partial, final)
    else:
        aside = partial.with_name(f"{partial.stem}.old.partial")
        os.replace(final, aside)
        try:
            os.replace(partial, final)
        except BaseException:
            os.replace(aside, final)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    # The result is complete and in place: a network drive that cannot flush a folder is no fault.
    with contextlib.suppress(OSError):
        _flush_folder(final.parent)
