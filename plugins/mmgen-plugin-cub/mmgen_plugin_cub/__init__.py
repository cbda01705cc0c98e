"""The CUB image-captions birds for mmgen: official files, or drawn birds with generated captions."""
