"""The architecture of collagen: orientation, skeleton, texture, and angle to the tumour's edge.

Import from the modules: ``histo.scoring.fibres.architecture`` makes the scores of a field, the
others hold one idea each.
"""
