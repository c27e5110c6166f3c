"""Space: where things lie, beside what tissue shape and chance alone would give."""
