"""Whatever a column holds, it is compared without a warning, and its bounds enclose its value."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_jupyter.stats.categorical_profile import categorical_profile
from mlops_jupyter.stats.comparing import compare
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.profiles import Profile

EXTREMES = st.sampled_from([0.0, 1.0, -0.0, 5e-324, 1.7e308, -1.7e308])
NUMBERS = arrays(
    np.float64, st.integers(1, 80), elements=st.floats(allow_nan=True, allow_infinity=True) | EXTREMES
)
ROWS = st.integers(0, 500)
LEVELS = st.dictionaries(st.text(max_size=5) | st.integers(0, 5) | st.booleans(), ROWS, max_size=30)


def sound(effect) -> bool:
    known = not any(math.isnan(bound) for bound in (effect.value, effect.low, effect.high, effect.observed))
    return known and 0 <= effect.low <= effect.value <= effect.high and effect.rows_needed >= 30


def effects(reference, current):
    found = compare(Profile({"x": reference}, reference.rows), Profile({"x": current}, current.rows))["x"]
    assert found.verdict in ("OK", "WARNING", "CRITICAL", "INCONCLUSIVE")
    return found.effects.values()


@given(NUMBERS, NUMBERS, st.sampled_from(["numeric", "datetime", "text"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_numbers_can_be_compared(before, now, kind, raw):
    reference = reference_profile(np.repeat(before, 20), kind)
    counter = NumericCounter(reference.edges, kind)
    counter.add(np.repeat(now, 15))
    pair = reference, counter.profile()
    if not raw:
        pair = replace(pair[0], sample=None), replace(pair[1], sample=None)
    assert all(sound(effect) for effect in effects(*pair))


@given(LEVELS, LEVELS, ROWS, ROWS)
@settings(max_examples=200, deadline=None)
def test_any_levels_can_be_compared(before, now, missing_before, missing_now):
    reference = categorical_profile(before, missing_before + 1)
    assert all(
        sound(effect) for effect in effects(reference, categorical_profile(now, missing_now + 1, reference))
    )
