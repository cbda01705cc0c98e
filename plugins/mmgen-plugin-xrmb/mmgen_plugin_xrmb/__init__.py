"""XRMB for mmgen: speech acoustics and articulator positions."""
