"""Pin a model for vetiver, as its documentation does: ``python vetiver_pin.py <model>``."""

import sys

from models import fit
from pins import board_folder
from sklearn.datasets import load_breast_cancer
from vetiver import VetiverModel, vetiver_pin_write

table = load_breast_cancer(as_frame=True)
model = fit(sys.argv[1], table, frame=True)
board = board_folder("board", allow_pickle_read=True)
vetiver_pin_write(board, VetiverModel(model, "cancer", prototype_data=table.data))
