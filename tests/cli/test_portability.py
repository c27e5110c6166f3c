"""Windows and macOS by construction: nothing in the package that only Linux has."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import histo

HOUSE = Path(histo.__file__).parent
POSIX_ONLY = {
    "os": {
        "fork",
        "forkpty",
        "geteuid",
        "getpgid",
        "getuid",
        "killpg",
        "mkfifo",
        "setsid",
        "uname",
    },
    "signal": {"SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "alarm", "pause"},
}
POSIX_MODULES = {"curses", "fcntl", "grp", "pty", "pwd", "readline", "resource", "termios"}
PLACES = ("/tmp", "/proc", "/dev/", "/home", "/usr", "C:\\")
TEXT = {"read_text": 1, "write_text": 2}
"""Methods for text, and how many arguments they have when the encoding is among them."""


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Every node of every module, and where it stands."""
    return [
        (f"{path.relative_to(HOUSE).as_posix()}:{getattr(node, 'lineno', 0)}", node)
        for path in sorted(HOUSE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def calls() -> Iterator[tuple[str, ast.Call]]:
    yield from ((where, node) for where, node in nodes() if isinstance(node, ast.Call))


def test_every_system_has_what_is_called():
    found = [
        f"{where} {ast.unparse(node)}"
        for where, node in nodes()
        if isinstance(node, ast.Attribute)
        and node.attr in POSIX_ONLY.get(ast.unparse(node.value), ())
    ]
    assert not found


def test_every_system_has_what_is_imported():
    found = []
    for where, node in nodes():
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        found += [f"{where} {name}" for name in names if name.partition(".")[0] in POSIX_MODULES]
    assert not found


def test_no_place_of_one_system_is_named():
    found = [
        f"{where} {node.value}"
        for where, node in nodes()
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(PLACES)
    ]
    assert not found


def test_text_says_its_encoding():
    """Windows takes its own code page where none is said."""
    found = []
    for where, call in calls():
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        said = any(keyword.arg == "encoding" for keyword in call.keywords)
        silent = name in TEXT and len(call.args) < TEXT[name]
        if not said and (silent or (name == "open" and opens_text(call))):
            found.append(f"{where} {ast.unparse(call)}")
    assert not found


def opens_text(call: ast.Call) -> bool:
    """Whether open(path, mode) or path.open(mode) is for text."""
    method = isinstance(call.func, ast.Attribute)
    if method and ast.unparse(call.func.value) in {"os", "Image"}:
        return False  # these open handles and pictures
    modes = [*(call.args[:1] if method else call.args[1:2])]
    modes += [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    return not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)


def test_no_shell_is_started():
    found = [
        f"{where} {ast.unparse(call)}"
        for where, call in calls()
        if ast.unparse(call.func) in {"os.system", "os.popen"}
        or any(keyword.arg == "shell" for keyword in call.keywords)
    ]
    assert not found
