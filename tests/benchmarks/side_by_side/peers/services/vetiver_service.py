"""The app of vetiver, as its ``write_app`` writes one: ``uvicorn vetiver_service:api``."""

from pins import board_folder
from vetiver import VetiverAPI, VetiverModel

board = board_folder("board", allow_pickle_read=True)
api = VetiverAPI(VetiverModel.from_pin(board, "cancer"), check_prototype=True).app
