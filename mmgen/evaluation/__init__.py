"""Metrics, what they share, and figures."""

from .evaluate import evaluate
from .evaluation import Evaluation, Latents
from .metric import Metric, MetricConfig, Row, row

__all__ = ["Evaluation", "Latents", "Metric", "MetricConfig", "Row", "evaluate", "row"]
