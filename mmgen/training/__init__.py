"""The trainer: exact resume, signals, several processes, and a guard against losses that are not numbers."""

from ..runs.training_config import TrainingConfig
from .signals import TrainingStopped
from .train import train
from .trainer import Trainer

__all__ = ["Trainer", "TrainingConfig", "TrainingStopped", "train"]
