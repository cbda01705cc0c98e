"""PolyMNIST and Translated-PolyMNIST for mmgen."""
