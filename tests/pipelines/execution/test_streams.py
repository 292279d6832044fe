"""What cells printed, in one piece."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode

from mlops_jupyter.pipelines.execution.streams import joined, overwritten


def stream(name: str, text: str) -> NotebookNode:
    return NotebookNode(output_type="stream", name=name, text=text)


def test_what_was_printed_in_a_row_is_one_output():
    picture = NotebookNode(output_type="display_data", data={}, metadata={})
    outputs = [
        stream("stdout", "a"),
        stream("stdout", "b\n"),
        stream("stderr", "c"),
        picture,
        picture,
        stream("stdout", "d"),
    ]
    assert joined(outputs) == [
        stream("stdout", "ab\n"),
        stream("stderr", "c"),
        picture,
        picture,
        stream("stdout", "d"),
    ]
    assert outputs[0].text == "a"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("10 %\r20 %\rdone\nnext\n", "done\nnext\n"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
        ("\r1 %\r2 %\r", "2 %\r"),
        ("no returns", "no returns"),
    ],
)
def test_a_line_that_was_drawn_over_is_seen_as_it_was_at_last(text: str, seen: str):
    assert overwritten(text) == seen
