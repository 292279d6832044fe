"""What an MLflow version says of itself in our tags, and how to list all that do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.store.listing import Entry
from mlops_jupyter.store.versions import SEMANTIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_jupyter.serving.manifest import Manifest

DIGEST, MANIFEST, VERSION, STATE = "mlops.digest", "mlops.manifest", "mlops.version", "mlops.state"
INCOMPLETE, COMPLETE = "incomplete", "complete"
PAGE = 500


def entry_of(found: Any) -> Entry | None:
    """Read MLflow's `ModelVersion`; None for one that is not of ours."""
    tags = dict(found.tags)
    if DIGEST not in tags or not SEMANTIC.fullmatch(tags.get(VERSION, "")):
        return None
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds")
    return Entry(
        model=found.name,
        version=tags[VERSION],
        digest=tags[DIGEST],
        manifest_digest=tags.get(MANIFEST),
        number=int(found.version),
        complete=tags.get(STATE) == COMPLETE,
        source=found.source,
        run_id=found.run_id or tags.get("mlops.run"),
        created=created,
        tags=tags,
    )


def entries(client: Any, model: str | None = None) -> list[Entry]:
    """List the versions of ours of one model, or of all, by MLflow's number."""
    condition = f"name='{model}'" if model else f"tags.`{DIGEST}` LIKE '%'"
    found = pages(lambda token: client.search_model_versions(condition, max_results=PAGE, page_token=token))
    ours = (entry_of(each) for each in found)
    return sorted((each for each in ours if each), key=lambda each: (each.model, each.number))


def pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """Ask for page after page."""
    page = ask(None)
    yield from page
    while page.token:
        page = ask(page.token)
        yield from page


def tags_of(manifest: Manifest) -> dict[str, str]:
    """Return the tags a package's version bears."""
    document = manifest.document
    git, train = document.get("git") or {}, (document.get("data") or {}).get("train") or {}
    tags = {
        DIGEST: manifest.digest,
        MANIFEST: manifest.manifest_digest,
        VERSION: manifest.version,
        STATE: INCOMPLETE,
        "mlops.git_commit": git.get("commit"),
        "mlops.git_dirty": str(git["dirty"]).lower() if "dirty" in git else None,
        "mlops.data_fingerprint": train.get("fingerprint"),
        "mlops.format": (document.get("format") or {}).get("name"),
        "mlops.metrics": json.dumps(headline_metrics(document), sort_keys=True),
        "mlops.created": document.get("created"),
        "mlops.run": (document.get("run") or {}).get("id"),
    }
    return {name: str(value) for name, value in tags.items() if value is not None}


def headline_metrics(document: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of a manifest without its slices."""
    metrics = document.get("metrics") or {}
    return {"on": metrics.get("on"), "values": metrics.get("values") or {}}
