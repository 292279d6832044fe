"""The servers of others."""

from .bentoml import BENTOML, BENTOML_BATCHED
from .litserve import LITSERVE, LITSERVE_BATCHED
from .mlflow import MLFLOW
from .mlserver import MLSERVER
from .vetiver import VETIVER

ALL = {
    peer.name: peer
    for peer in (BENTOML, BENTOML_BATCHED, LITSERVE, LITSERVE_BATCHED, MLFLOW, MLSERVER, VETIVER)
}
