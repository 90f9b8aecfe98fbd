"""PyTorch state dicts: read by a limited process that neither unpickles nor imports PyTorch."""

from __future__ import annotations

from pathlib import Path

from disgorge_core.models.reading.process import read_state_dict
from disgorge_core.models.weights import Weights, checked
from disgorge_core.registry import MODEL_FORMATS


@MODEL_FORMATS.register
class StateDict:
    """A `.pt` or `.pth` file written by `torch.save(model.state_dict(), ...)`."""

    name = "state_dict"
    title = "PyTorch state dict"
    suffixes = (".pt", ".pth", ".bin", ".ckpt")
    order = 20

    def sniff(self, path: Path) -> bool:
        """Is it a zip or a pickle?"""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(2)
        return head == b"PK" or head[:1] == b"\x80" or path.suffix.lower() in self.suffixes

    def read(self, path: Path) -> Weights:
        """Its tensors in the order of the network; raises BadModel, and runs nothing of the file."""
        state, notes = read_state_dict(path)
        return checked(state, ordered=True, notes=notes)
