"""Bundles taught by slides and annotations that a manifest names."""
