"""The object in a skops file: only types that skops trusts by itself (`get_untrusted_types` empty).

Before that is asked, parts that answers do not need and that hold other types are taken out unread: the
optimiser of an MLP and the number formats that a SimpleImputer remembers. They are never loaded.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

from disgorge_core.errors import BadModel

ARRAYS, ABOUT, MADE = "arrays.npz", "about.json", "model.skops"  # in the limited process's folder
MOST_MEMBERS = 10_000
LARGEST_SCHEMA = 16 * 2**20
UNREAD = {
    "SimpleImputer": ("_fit_dtype", "_fill_dtype"),
    "MLPClassifier": ("_optimizer", "_random_state"),
    "MLPRegressor": ("_optimizer", "_random_state"),
}
REMEDY = "Write it with skops.io.dump(pipeline, 'model.skops')."


def loaded(path: Path, most_bytes: int) -> Any:
    """The object that the file holds; raises BadModel for one that is too large or holds other types."""
    from skops.io import get_untrusted_types, loads

    content = _without_unread(path, most_bytes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of another version of scikit-learn: the numbers are read
        found = get_untrusted_types(data=content)
        if found:
            names = ", ".join(sorted(str(name).rpartition(".")[2] for name in found))[:80]
            raise BadModel(
                f"The file holds {names}, which could run code, so it was not opened.",
                "Save a pipeline of known steps, whose columns are given by name.",
            )
        return loads(content, trusted=[])


def _without_unread(path: Path, most_bytes: int) -> bytes:
    """The file without the parts that are not needed; raises BadModel for one that is too large inside."""
    kept = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(kept, "w") as out:
        members = archive.infolist()
        names = {member.filename for member in members}
        if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > most_bytes:
            raise BadModel("The file is too large inside.", "Use a smaller model.")
        if len(names) < len(members):
            raise BadModel("The file holds one name twice.", REMEDY)
        for member in members:
            if not (member.filename == "schema.json" or member.filename.endswith((".npy", ".npz"))):
                raise BadModel(f"The file holds {member.filename[:60]!r}.", REMEDY)
            content = archive.read(member)
            if member.filename == "schema.json":
                content = _schema(content)
            out.writestr(member.filename, content)
    return kept.getvalue()


def _schema(content: bytes) -> bytes:
    if len(content) > LARGEST_SCHEMA:
        raise BadModel("The description inside the file is too long.", "Use a smaller model.")
    schema = json.loads(content)
    _drop(schema)
    return json.dumps(schema).encode()


def _drop(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _drop(item)
    elif isinstance(node, dict):
        attributes = node.get("content", {})
        attributes = attributes.get("content", {}) if isinstance(attributes, dict) else {}
        for name in UNREAD.get(str(node.get("__class__")), ()):
            if isinstance(attributes, dict):
                attributes.pop(name, None)
        for item in node.values():
            _drop(item)
