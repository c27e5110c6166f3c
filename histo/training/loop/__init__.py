"""One training: optimiser, schedule, checkpoints, logs."""
