"""Train a network from a configuration: ``python train.py --config configs/he-collagen.yaml``."""

from histo.cli import train_main

if __name__ == "__main__":
    train_main()
