"""The tables and figures of four papers on multimodal VAEs, as data for ``mmgen reproduce``."""
