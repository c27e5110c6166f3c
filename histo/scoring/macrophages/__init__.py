"""Macrophages: found in a map, counted by place, and the fields where they are densest."""
