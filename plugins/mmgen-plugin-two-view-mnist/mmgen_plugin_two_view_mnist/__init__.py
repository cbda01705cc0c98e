"""Digits in two and three views for mmgen: rotated and noisy MNIST, MNIST beside SVHN, and both together."""
