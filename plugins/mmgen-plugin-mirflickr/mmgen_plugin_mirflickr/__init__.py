"""MIR-Flickr for mmgen: image features, tags and concepts."""
