"""Immunostain painted on real tissue: see `histo.training.painted.run`."""
