"""The public face: light to import, and everything it promises is there."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import histo
import histo.nn

HEAVY = ("torch", "openslide", "openvino", "scipy", "skimage", "tifffile", "shapely", "pydantic")
HOUSE = Path(histo.__file__).parent
MODULES = sorted([*HOUSE.glob("*.py"), *HOUSE.glob("nn/*.py"), *HOUSE.glob("training/*.py")])


def loaded_by(statement: str) -> set[str]:
    """Top-level modules a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return set(done.stdout.split())


def test_importing_histo_is_light():
    assert not loaded_by("import histo") & {*HEAVY, "numpy"}


@pytest.mark.parametrize(
    "module", ["errors", "geometry", "vocabulary", "config", "assets", "provenance", "nn"]
)
def test_the_ground_floors_are_light(module):
    allowed = {"pydantic"} if module == "config" else set()
    assert not loaded_by(f"import histo.{module}") & (set(HEAVY) - allowed)


@pytest.mark.parametrize(
    "statement",
    [
        "from histo.nn import load_bundle, load_predictor, verify_bundle, Predictor",
        "import histo.nn.openvino_predictor",
        "import histo.inference, histo.scoring, histo.slides, histo.tissue, histo.stains",
    ],
)
def test_nothing_up_to_inference_imports_torch(statement):
    assert not loaded_by(statement) & {"torch", "lightning", "albumentations", "cv2"}


@pytest.mark.parametrize("package", [histo, histo.nn])
def test_every_public_name_resolves(package):
    for name in package.__all__:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("package", [histo, histo.nn])
def test_lazy_names_are_those_the_type_checker_sees(package):
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    promised = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.If)
        for line in node.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert set(package.__all__) - {"__version__"} == promised == set(package._HOME)


@pytest.mark.parametrize("package", [histo, histo.nn])
def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'x'"):
        _ = package.x


def test_a_lazy_name_is_the_thing_itself():
    assert histo.HistoError is import_module("histo.errors").HistoError
    assert histo.load_bundle is import_module("histo.nn.bundle").load_bundle


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_all_lists_what_a_module_defines_for_others(path):
    """``__all__`` holds every public class and function a module defines, and only names it has."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    listed = next(
        (
            [item.value for item in node.value.elts]
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ),
        [],
    )
    assert {name for name in defined if not name.startswith("_")} <= set(listed)
    assert len(set(listed)) == len(listed)
    held = {name.id for name in ast.walk(tree) if isinstance(name, ast.Name)} | defined
    held |= {
        (alias.asname or alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert set(listed) <= held


def test_the_version_is_a_version():
    assert [part.isdigit() for part in histo.__version__.split(".")] == [True] * 3
