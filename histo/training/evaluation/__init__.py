"""How well maps and cells agree with annotations."""
