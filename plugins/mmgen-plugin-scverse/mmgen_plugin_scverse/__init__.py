"""AnnData and MuData for mmgen, in and out."""

from .writing import add_imputed, add_latents, write_cells

__all__ = ["add_imputed", "add_latents", "write_cells"]
