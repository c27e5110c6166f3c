"""What a network is shown: patches of slides and cores with what they should give."""
