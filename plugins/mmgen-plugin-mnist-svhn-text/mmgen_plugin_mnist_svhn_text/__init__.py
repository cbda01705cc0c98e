"""MNIST-SVHN-Text for mmgen: a handwritten digit, a street-number digit and the English word."""
