"""Everything of the Hugging Face Hub: the layout of an exported run, its model card, export, upload and download."""

from .export import export_run, push
from .layout import open_run

__all__ = ["export_run", "open_run", "push"]
