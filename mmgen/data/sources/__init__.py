"""Readers of published files that several datasets share, for plugins; and the door to torchvision, also of FID."""
