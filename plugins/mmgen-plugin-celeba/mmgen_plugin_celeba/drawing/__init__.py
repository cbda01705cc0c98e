"""Faces drawn from the forty attributes, in the geometry of CelebA's aligned images."""
