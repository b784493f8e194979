# The public names, for type checkers; `__init__.py` imports them when they are first used.
from contextual_anomaly.anomalies import Rates, Thresholds, list_anomalies
from contextual_anomaly.audit.label_issues import find_label_issues
from contextual_anomaly.checking.checker import Checker, load
from contextual_anomaly.checking.results import CheckResult
from contextual_anomaly.coco.reader import read_instances as read_coco
from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import ContextModel
from contextual_anomaly.models.calibration import Calibration, read_calibration
from contextual_anomaly.models.estimator import ContextAnomalyDetector
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.models.registry import save as save_model
from contextual_anomaly.predict import Prediction, Predictor
from contextual_anomaly.scenes import Scenes, count_instances, read_scenes
from contextual_anomaly.watching.run import watch

__all__ = [
    "Calibration",
    "CheckResult",
    "Checker",
    "ContextAnomalyDetector",
    "ContextModel",
    "Prediction",
    "Predictor",
    "Rates",
    "Scenes",
    "Thresholds",
    "UserError",
    "__version__",
    "count_instances",
    "find_label_issues",
    "list_anomalies",
    "load",
    "load_model",
    "read_calibration",
    "read_coco",
    "read_scenes",
    "save_model",
    "watch",
]

__version__: str
