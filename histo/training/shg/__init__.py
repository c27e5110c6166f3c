"""Collagen taught by second-harmonic generation: cores, folds, figures."""
