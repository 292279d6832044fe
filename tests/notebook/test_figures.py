"""Figures of matplotlib are shown though nobody imported pyplot; where somebody did, as pyplot shows them."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlops_jupyter.notebook import figures

PNG = b"\x89PNG"


@pytest.fixture
def shown(shell, monkeypatch):
    """What the notebook makes of a figure as an image."""
    formatter = shell.display_formatter.formatters["image/png"]
    monkeypatch.setattr(formatter, "enabled", True)
    return formatter


def test_a_figure_is_shown_as_an_image(shown):
    figure = Figure(figsize=(2, 1))
    FigureCanvasAgg(figure)
    assert shown(figure).startswith(PNG)


def test_pyplot_has_the_last_word(shown):
    shown(Figure(figsize=(2, 1)))  # ours was looked up once
    shown.for_type(Figure, lambda _: b"pyplot's")
    assert shown(Figure(figsize=(2, 1))) == b"pyplot's"
    shown.pop(Figure)


def test_unloading_leaves_figures_to_pyplot(shell, shown):
    shown(Figure(figsize=(2, 1)))
    figures.uninstall(shell)
    assert shown(Figure(figsize=(2, 1))) is None
