"""Who may call a deployment, how often, and by which name."""

from .doorkeeper import Doorkeeper, Refused
from .keys import SCOPES, Scope

__all__ = ["SCOPES", "Doorkeeper", "Refused", "Scope"]
