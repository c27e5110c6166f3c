"""Where on a slide a score is asked: compartments, distance zones, and what lies in them."""
