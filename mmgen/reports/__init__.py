"""What one sends to others: a report as a page, and a run in the layout of the Hugging Face Hub."""

from .export import export_run, push
from .page import render, write_report

__all__ = ["export_run", "push", "render", "write_report"]
