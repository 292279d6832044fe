"""The time of day as a circle."""

import numpy as np
import pandas as pd


def on_the_clock(times: pd.Series) -> pd.DataFrame:
    """Put times written as HHMM on a circle of 24 hours."""
    angle = 2 * np.pi * (times // 100 * 60 + times % 100) / (24 * 60)
    return pd.DataFrame({"clock_sin": np.sin(angle), "clock_cos": np.cos(angle)}, index=times.index)
