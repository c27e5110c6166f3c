"""Which slides teach what: the manifest, its faults, its splits, public data and licences."""
