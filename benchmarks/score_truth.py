"""Every score against what it must be: phantoms with analytic truth, independent implementations.

python benchmarks/score_truth.py            # a Markdown table; exit code 1 if one fails
python benchmarks/score_truth.py regions    # one module of benchmarks/truths
"""

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import truths


def main(wanted: list[str]) -> int:
    """Print the table; return how many truths do not hold."""
    names = wanted or sorted(module.name for module in iter_modules(truths.__path__))
    print("| score | case | value | truth | tolerance | reference | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    failed = count = 0
    for name in names:
        for one in import_module(f"benchmarks.truths.{name}").truths():
            verdict = "holds" if one.holds else "**fails**"
            failed, count = failed + (not one.holds), count + 1
            figures = f"{one.value:.6g} | {one.truth:.6g} | {one.tolerance:.2g}"
            print(f"| {one.score} | {one.case} | {figures} | {one.reference} | {verdict} |")
    print(f"\n{count - failed} of {count} hold.")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
