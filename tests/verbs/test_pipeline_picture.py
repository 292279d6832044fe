"""The picture of a run says each state by word, mark and colour, is whole XML, small, and safe."""

import re
import xml.etree.ElementTree as ET

import pytest

from mlops_jupyter.verbs.pipeline_marks import LOOKS
from mlops_jupyter.verbs.pipeline_picture import picture
from mlops_jupyter.verbs.pipeline_svg import fitted, width_of
from tests.verbs.pipeline_runs import NEEDS, NOW, failed, many, matrix, run, running, step

OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}


def drawings(record):
    """Return each drawing of a picture as XML: the wide one, then the narrow one where there is one."""
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", picture(record, NOW), re.DOTALL)]


def words(drawing):
    return [element.text for element in drawing.iter("text")]


def hovers(drawing):
    return "\n".join(element.text for element in drawing.iter("title"))


@pytest.mark.parametrize("which", [0, 1], ids=["wide", "narrow"])
def test_every_state_is_a_word_on_a_wide_page_and_on_a_narrow_one(which):
    assert {"skipped", "succeeded", "running", "waiting", "12 s", "3/8"} <= set(
        words(drawings(running())[which])
    )
    assert {"stopped", "not run", "failed in cell 4"} <= set(words(drawings(failed())[which]))


def test_every_state_has_a_form_of_its_own_in_a_colour_that_all_can_tell_apart():
    signs = [look.sign for look in LOOKS.values()]
    assert len(set(signs)) == len(LOOKS)
    assert {look.colour for look in LOOKS.values() if not look.hollow} <= OKABE_ITO


def test_every_step_is_named_and_says_on_hover_what_happened():
    for drawing in drawings(failed()):
        assert set(NEEDS) <= set(words(drawing))
        assert "train: failed in cell 4 after 12 s\nValueError: no rows in 2013-02" in hovers(drawing)


def test_few_variants_are_lines_of_their_card_and_many_are_marks():
    few, many_of_them = drawings(matrix(3))[0], drawings(matrix(12))[0]
    assert {"train", "depth=0", "depth=2", "all 3 succeeded"} <= set(words(few))
    assert "depth=2" not in words(many_of_them)
    assert "all 12 succeeded" in words(many_of_them)
    assert "train[depth=11]: succeeded after 1.0 s" in hovers(many_of_them)


def test_two_hundred_steps_are_a_mark_each_with_the_failed_one_by_name():
    record = many()
    (drawing,) = drawings(record)
    failure = record.steps[50]
    assert "215 succeeded" in words(drawing)
    assert "1 failed" in words(drawing)
    assert failure.name in words(drawing)
    assert all(f"{each.name}: " in hovers(drawing) for each in record.steps)
    assert float(drawing.get("width")) < 800
    assert len(picture(record, NOW)) < 120_000


def test_a_chain_too_long_for_a_page_is_drawn_in_lines():
    names = [f"step_{i}" for i in range(20)]
    needs = {name: (names[i - 1],) if i else () for i, name in enumerate(names)}
    (drawing,) = drawings(run([step(name) for name in names], needs))
    assert float(drawing.get("width")) < 600
    assert set(names) <= set(words(drawing))


def test_letters_lines_and_grounds_follow_the_page():
    html = picture(failed(), NOW)
    assert "--jp-content-font-color1" in html
    assert {element.get("fill") for d in drawings(failed()) for element in d.iter("text")} == {"currentColor"}


def test_names_and_messages_are_escaped():
    record = run([step("<b>&[x=<i>]")], {"<b>&[x=<i>]": ()})
    assert "<b>" not in picture(record, NOW)
    assert "<b>&[x=<i>]" in words(drawings(record)[0])


def test_the_picture_says_in_words_what_it_shows():
    for drawing in drawings(failed()):
        assert drawing.get("role") == "img"
        assert drawing.get("aria-label").startswith("delays failed in train, cell 4")


def test_a_run_of_no_steps_has_a_picture():
    assert all(words(drawing) == [] for drawing in drawings(run([], {})))


@pytest.mark.parametrize("room", [20, 60, 100, 300])
def test_long_names_are_cut_in_the_middle_to_fit(room):
    name = "train_gradient_boosting_for_delays[depth=3, rate=0.03]"
    cut = fitted(name, room)
    assert cut == name or "…" in cut
    assert width_of(cut) <= max(room, width_of("tr…"))
