"""The network of a Hugging Face folder, by transformers: its own classes, safetensors, nothing from outside.

Of the configuration only what the class itself declares is taken. A first copy without memory is counted
against the weights; only then is memory taken. What comes from elsewhere is built in the limited process
first; here it is built again from what that process laid down.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from torch.overrides import TorchFunctionMode

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones.pretrained import Pretrained

SPARE = 2**22  # numbers that a network may have beyond those of its weights
LOG = logging.getLogger(__name__)
FAILURES = (
    ValueError, TypeError, KeyError, AttributeError, IndexError, ImportError, RuntimeError,
    AssertionError, ArithmeticError, OSError, MemoryError, SafetensorError,
)  # fmt: skip


def transformers() -> Any:
    """The library: quiet, and offline if it is not in use already. Its import takes seconds."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import transformers as library

    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
    return library


def built(folder: Path, found: Pretrained, outputs: int, lacks: Collection[str] = ()) -> nn.Module:
    """The network with the weights in a folder; raises BadModel where they do not fit.

    `found` is what the folder says of them; it `lacks` the weights of these names, which are drawn.
    """
    library = transformers()
    auto = {
        "text": library.AutoModelForSequenceClassification,
        "image": library.AutoModelForImageClassification,
    }[found.kind]
    with in_words("be built"):
        settings = _settings(library, found.config, outputs)
        with torch.random.fork_rng(devices=[]), torch.device("meta"), _Counted(found.numbers):
            _check_count(auto.from_config(settings), found.numbers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network, said = auto.from_pretrained(
                str(folder), config=settings, trust_remote_code=False, local_files_only=True,
                use_safetensors=True, dtype=torch.float32, output_loading_info=True,
            )  # fmt: skip
    _check_complete(said, lacks)
    return network.eval().requires_grad_(False)


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """What transformers says of files that do not fit together, in one sentence; BadModel."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (*FAILURES, StrictDataclassError) as error:
        if isinstance(error, BadModel):
            raise
        LOG.info("transformers: %s", str(error)[:2000])
        raise BadModel(
            f"The network cannot {what} from these files.",
            "Check the folder with transformers itself.",
        ) from None


def _settings(library: Any, config: Mapping[str, Any], outputs: int) -> Any:
    """The configuration object, with the declared entries only."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    family = str(config["model_type"])
    if family not in CONFIG_MAPPING:
        raise BadModel(
            f"This version of transformers has no model {family[:60]!a}.", "Use a usual kind."
        )
    known: Any = CONFIG_MAPPING[family]
    own = {f.name for f in dataclasses.fields(known)}
    general = {f.name for f in dataclasses.fields(library.PreTrainedConfig)}
    allowed = (own - general) | set(known.attribute_map) | {"is_encoder_decoder"}
    chosen = {name: value for name, value in config.items() if name in allowed}
    for name, value in chosen.items():
        if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
            raise BadModel(
                f"The configuration holds others inside ({name}).",
                "Bring a model of texts only or of pictures only.",
            )
    named = [str(config["architectures"][0])]  # some kinds have several classes
    return known(**chosen, num_labels=outputs, architectures=named)


class _Counted(TorchFunctionMode):
    """Ends the making of a network that has more numbers, or many more tensors, than weights."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.left = 8 * numbers + 64 * SPARE  # tensors are made on the way that are no weights
        self.calls = 200_000

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Count what a function made."""
        found = func(*args, **(kwargs or {}))
        self.calls -= 1
        if isinstance(found, torch.Tensor):
            self.left -= found.numel()
        if min(self.left, self.calls) < 0:
            raise _too_large()
        return found


def _check_count(network: nn.Module, numbers: int) -> None:
    if sum(p.numel() for p in network.parameters()) > numbers + SPARE:
        raise _too_large()


def _too_large() -> BadModel:
    return BadModel(
        "The configuration describes a far larger network than the weights.",
        "Save the model's folder again.",
    )


def _check_complete(said: Mapping[str, Any], lacks: Collection[str]) -> None:
    missing = set(said["missing_keys"]) ^ set(lacks)
    wrong = [
        *said["mismatched_keys"],
        *said["unexpected_keys"],
        *said["error_msgs"],
        *sorted(missing),
    ]
    if wrong:
        raise BadModel(
            f"The weights do not fit the configuration, at {str(wrong[0])[:80]!a}.",
            "Save the model's folder again.",
        )
