"""The UCI multiple-features digits for mmgen."""
