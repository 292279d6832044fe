"""An executed notebook as a page that needs no kernel, no server and no network."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

NO_NETWORK: Final = dict.fromkeys(
    ("jquery_url", "mathjax_url", "mermaid_js_url", "mermaid_layout_elk_js_url", "require_js_url"), ""
)
VIEW: Final = "application/vnd.jupyter.widget-view+json"


def page(executed: Path) -> Path:
    """Write the page of an executed notebook beside it.

    nbconvert takes seconds to import and to write, so that this is for a process that nobody waits for.

    Parameters
    ----------
    executed : Path
        ``executed.ipynb`` of a step.

    Returns
    -------
    Path
        ``executed.html``.
    """
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    exporter: Any = HTMLExporter(template_name="lab", embed_images=True)  # type: ignore[no-untyped-call]
    for name, url in NO_NETWORK.items():
        if exporter.has_trait(name):
            setattr(exporter, name, url)
    text, _ = exporter.from_notebook_node(
        readable(notebook), resources={"metadata": {"name": title(notebook)}}
    )
    target, part = executed.with_suffix(".html"), executed.with_name(f".{executed.stem}.html.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def readable(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook that begins with what it is a run of, its widgets as they look without a kernel."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if len(output.get("data", ())) > 1:
                output["data"].pop(VIEW, None)
    head = type(notebook)(cell_type="markdown", id="run", metadata={}, source=heading(notebook))
    notebook.cells.insert(0, head)
    return notebook


def marks(notebook: NotebookNode) -> dict[str, Any]:
    """Return what an executed notebook says of its run."""
    found: dict[str, Any] = notebook.metadata.get("papermill", {})
    return found


def title(notebook: NotebookNode) -> str:
    """Return the title of the page."""
    run = marks(notebook)
    return " · ".join(str(run[name]) for name in ("step", "pipeline") if name in run) or "executed notebook"


def heading(notebook: NotebookNode) -> str:
    """Return the first lines of a page: which run it is of, and why it failed, with a link to the cell."""
    run = marks(notebook)
    told = " · ".join(html.escape(str(run[name])) for name in ("pipeline", "step", "run") if name in run)
    failure = run.get("failure")
    if not failure:
        return told
    message, number = html.escape(failure["message"]), failure.get("cell")
    if not number:
        return f"{told}\n\n<p><strong>✗ failed:</strong> {message}</p>"
    cell = html.escape(notebook.cells[number - 1].get("id", ""))
    link = f'<a href="#cell-id={cell}">in cell {number}</a>'
    return f"{told}\n\n<p><strong>✗ failed {link}:</strong> {message}</p>"
