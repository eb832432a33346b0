"""What people see of a fit: its report, a progress line, a log. All are consumers of events."""

from .recorder import Recorder as Recorder
from .report import Report as Report
from .watching import Watch as Watch
from .watching import counting as counting
from .watching import one_pass as one_pass
from .watching import watch as watch

__all__ = ["Recorder", "Report", "Watch", "counting", "one_pass", "watch"]
