"""CdSprites+ for mmgen: pictures of coloured, textured sprites and their captions, in five levels of difficulty."""
