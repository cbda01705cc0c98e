"""MHD for mmgen: the image, the trajectory, the sound and the label of a handwritten digit."""
