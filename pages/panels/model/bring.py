"""Bring a trained model: its file, what the file does not say, what it was trained on, whether it fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from disgorge_core.jobs.uploaded import keep_reference
from disgorge_core.models.loading import Loaded, fitted_to, matched, read_model
from disgorge_core.models.statement import as_stated
from disgorge_core.models.weights import Unmatched, Weights
from disgorge_core.registry import MODEL_FORMATS
from disgorge_core.training.closed_form import with_sums
from disgorge_core.types import Dataset, ForgetSet, Model
from pages.common import messages, state
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model import fits, hugging_face, layer_table, own_references, stated

ROUND = "bring_round"  # draft: which file came last
REFUSED = (
    "Only files of numbers are opened. Whole pickled modules, TorchScript and .pt2 are refused, because "
    "opening them can run anything."
)
COMES = """
| from | file | written with |
| --- | --- | --- |
| PyTorch | `.pt` `.pth` `.safetensors` | `torch.save(model.state_dict(), "model.pt")` |
| scikit-learn | `.skops` | `skops.io.dump(pipeline, "model.skops")` |
| Hugging Face | `.zip` of the folder | `model.save_pretrained("folder")`, the tokenizer too |
| Disgorge | `.zip` | *Download* of any model here |
"""
LIST = (
    "Needed only where the names of the weights do not show how the layers stand. JSON: "
    "[{\"kind\": \"linear\", \"name\": \"fc\", \"options\": {\"inputs\": 4, \"outputs\": 2}}, ...]; "
    "the list of any model of this case can be copied on its Overview."
)  # fmt: skip


@PANELS.register
class Bring:
    """A model from elsewhere becomes one of the case's models, or a reference for a forget set."""

    name, page, tab, title, order = "model_bring", "model", "Bring one", "", 90

    def needs(self, view: View) -> Need | None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """What it is for and its file; then what is to be stated; then the check."""
        own_references.said_as_kept()
        st.subheader("1 · The file", anchor=False)
        without = _purpose(view)
        left, right = st.columns([3, 2], gap="medium")
        endings = {e for kind in MODEL_FORMATS.values() for e in kind.suffixes}
        nth = state.ui().draft.get(ROUND, "")
        file = left.file_uploader(
            "Model", type=sorted(endings), key=f"bring_file{nth}", help=REFUSED
        )
        beside = right.file_uploader(
            "Layer list, if you have one", type=[".json"], key=f"bring_layers{nth}", help=LIST
        )
        if file is None:
            named = hugging_face.by_path()
            if named is not None:
                _Brought(view, without, named.key, named.path.stem).by_worker(named)
                return
            st.markdown(COMES)
            messages.reading(REFUSED)
            own_references.shown(view)
            return
        key = f"{file.file_id}_{beside.file_id if beside else ''}"
        read = _read(key, file, beside)
        brought = _Brought(view, without, key, Path(file.name).stem)
        if hugging_face.is_for_a_worker(read.found):
            brought.by_worker(hugging_face.Named(key, read.path, read.found))
            return
        brought.draw(_found(key, view.data.digest, read, view.data))


def _purpose(view: View) -> tuple[str, ForgetSet] | None:
    """For a reference: id and forget set of the records that it never saw."""
    saved = {fid: forget for fid, forget, _ in cases().forget_sets(view.case.id)}
    if not saved:
        return None
    what = st.segmented_control(
        "This is", ["A model to work on", "A reference"], default="A model to work on", required=True,
        key="bring_purpose", help="A reference is a model of your own that never saw some records: "
        "before & after is compared with it.",
    )  # fmt: skip
    if what != "A reference":
        return None
    fid = st.selectbox(
        "It was trained without", list(saved), key="bring_without", width=420,
        format_func=lambda one: f"{saved[one].name} ({len(saved[one]):,} records)",
    )  # fmt: skip
    return str(fid), saved[fid]


@dataclass(frozen=True)
class _Brought:
    """What is being brought, and where its widgets keep their answers."""

    view: View
    without: tuple[str, ForgetSet] | None
    key: str
    name: str

    @property
    def data(self) -> Dataset:
        """The case's dataset."""
        return self.view.data

    def draw(self, found: Weights | Model) -> None:
        """The other three steps."""
        if isinstance(found, Model):
            st.success("The file says everything itself.", icon=":material/check:")
            self._offer(fitted_to(found, self.data), ready=True)
            return
        st.subheader("2 · What the file does not say", anchor=False)
        label = st.text_input("Name", value=self.name, key=f"bring_name_{self.key}", width=360)
        loaded, ready = self._stated(found, label)
        self._offer(loaded, ready)

    def by_worker(self, named: hugging_face.Named) -> None:
        """The other steps, for a model whose records pass a backbone."""
        hugging_face.draw(self.view, named, self.without[1] if self.without else None, self._offer)

    def _stated(self, found: Weights, label: str) -> tuple[Loaded, bool]:
        data, key, second = self.data, f"bring_{self.key}", st.container()
        st.subheader("3 · What it was trained on, and how", anchor=False)
        seen = stated.trained_on(data, key, self.without[1] if self.without else None)
        with second:  # above, but fitted to the records that are stated below
            prepared = found.preprocessing or stated.preprocessing(data, key, seen)
            layers = layer_table.layers(found, data, prepared, key)
        known = "unknown" if seen is None else seen
        about = {"architecture": layers, "preprocessing": prepared, "trained_on": known}
        loaded = fitted_to(found, data, name=label, **about)
        if self.without:
            return loaded, seen is not None
        own, solved = loaded.model.recipe, loaded.model.regime == "closed form"
        at = f"{key}_{own.digest[:8] if own else ''}"
        recipe = stated.recipe(data, at, own, solved)
        return fitted_to(found, data, name=label, recipe=recipe, **about), seen is not None

    def _offer(self, loaded: Loaded, ready: bool) -> None:
        """How the model does on this dataset, and the button that adds it."""
        with st.container(border=True, key="bring_check"):
            model = fits.shown(loaded.model, self.data, loaded.notes, self.key)
            if not ready:
                st.caption("Say above what it was trained on, then it can be added.")
            label = "Keep as a reference" if self.without else "Add to the case"
            if st.button(
                label, key="bring_add", type="primary", icon=":material/add:", disabled=not ready
            ):
                self._add(model)

    def _add(self, model: Model) -> None:
        case = self.view.case.id
        if self.without:
            keep_reference(cases(), case, self.without[0], model)
            state.ui().draft[own_references.ADDED] = self.without[1].name
            state.ui().draft[ROUND] = f"_{self.key}"  # an empty place for the next file
            st.rerun()
        model = as_stated(with_sums(model, self.data), cases().workspace)
        digest = cases().add_model(case, model)
        state.put(model=digest, tab="Quality")
        st.rerun()


@dataclass(frozen=True, eq=False)
class _Read:
    """What a file holds, and the folder where it lies as long as this is kept."""

    found: Weights | Model | Unmatched
    folder: TemporaryDirectory[str]
    path: Path


@st.cache_resource(
    show_spinner="Reading the file", max_entries=2, scope="session",
    on_release=lambda read: read.folder.cleanup(),
)  # fmt: skip
def _read(key: str, _file: UploadedFile, _beside: UploadedFile | None) -> _Read:
    folder = TemporaryDirectory()
    path = Path(folder.name) / f"model{Path(_file.name).suffix.lower()}"
    path.write_bytes(_file.getbuffer())
    if _beside is not None:
        (Path(folder.name) / "model.layers.json").write_bytes(_beside.getbuffer())
    try:
        return _Read(read_model(path), folder, path)
    except BaseException:
        folder.cleanup()
        raise


@st.cache_resource(show_spinner="Fitting it to the dataset", max_entries=2, scope="session")
def _found(key: str, dataset: str, _of: _Read, _data: Dataset) -> Weights | Model:
    return matched(_of.found, _data)
