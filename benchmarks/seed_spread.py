"""How much he-collagen's held-out figures move with the seed of training alone.

The folds stay as the configuration's seed drew them; first weights of the decoder, crops and their
changes are drawn anew for each seed::

    python benchmarks/seed_spread.py --fold "fold 0" --seeds 0 1 2
"""

import argparse

import numpy as np

from histo.assets import config_path, shipped
from histo.training.config import ShgData, TrainingConfig
from histo.training.parts import data_root, imagenet_file
from histo.training.shg.cores import read_cores
from histo.training.shg.cross_validation import cross_validate, plan_folds
from histo.training.shg.evaluate import mean_of


def main() -> None:
    """Print the figures of each seed, their mean and standard deviation."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="he-collagen")
    parser.add_argument("--fold", default="fold 0", help="fold or organ")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    config = TrainingConfig.from_yaml(config_path(options.config))
    if not isinstance(config.data, ShgData):
        raise SystemExit(f"{config.name} does not learn from second-harmonic generation")
    manifest = shipped("data_manifests") / config.data.manifest
    cores = read_cores(manifest, data_root(config), config.data.label, config.card.glass_level)
    folds = plan_folds(config.data, config.seed, cores, [])
    chosen = [fold for fold in folds if fold.name == options.fold]
    if not chosen:
        raise SystemExit(f"no such fold; there are {', '.join(fold.name for fold in folds)}")
    found = []
    for seed in options.seeds:
        seeded = config.model_copy(update={"seed": seed})
        (held,) = cross_validate(seeded, chosen, imagenet_file(config), lambda _: None)
        found.append((mean_of(held.results, "auroc"), mean_of(held.results, "pearson_r")))
        print(f"seed {seed}: AUROC {found[-1][0]:.4f}, r {found[-1][1]:.4f}", flush=True)
    mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
    print(
        f"{options.fold}, {len(found)} seeds: AUROC {mean[0]:.3f} ± {spread[0]:.3f}, "
        f"r {mean[1]:.3f} ± {spread[1]:.3f} (mean ± standard deviation)"
    )


if __name__ == "__main__":
    main()
