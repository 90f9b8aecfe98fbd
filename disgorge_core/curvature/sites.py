"""Layers with weights: what enters them and what their outputs' gradients are, without per-sample weights.

The gradient of one record in a linear layer is Σ_p g_p a_pᵀ over positions p (one for a plain linear
layer, the pixels of the output for a convolution); only the factors a and g are ever captured. A mean of
word vectors is a linear layer too: its a is what each word counts for in the record.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disgorge_core.curvature.words import in_basis
from disgorge_core.errors import NotApplicable
from disgorge_core.models.backbones.whole import Whole
from disgorge_core.models.layers import WordMean

NORMS = (nn.GroupNorm, nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d)
KNOWN = (nn.Linear, nn.Conv2d, WordMean, nn.Embedding, *NORMS)
Vector = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Site:
    """One layer with weights, its module being that of a private copy of the network."""

    name: str
    module: nn.Module

    @property
    def factored(self) -> bool:
        """Whether gradients are Σ_p g_p a_pᵀ; others get a diagonal."""
        if isinstance(self.module, nn.Conv2d):
            return self.module.groups == 1
        return isinstance(self.module, nn.Linear | WordMean)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Its parameters under the names that the network gives them."""
        prefix = f"{self.name}." if self.name else ""
        return {prefix + key: value for key, value in self.module.named_parameters(recurse=False)}

    def matrix(self, vector: Vector) -> Tensor:
        """The site's part of a parameter vector as (outputs, inputs [+ 1 for the bias]), or (1, d)."""
        parts = [vector[name] for name in self.parameters]
        if isinstance(self.module, WordMean):
            return parts[0].mT
        if self.factored:
            return torch.cat([part.reshape(part.shape[0], -1) for part in parts], 1)
        return torch.cat([part.reshape(1, -1) for part in parts], 1)

    def vector(self, matrix: Tensor) -> dict[str, Tensor]:
        """The inverse of `matrix`; of many matrices (n, outputs, inputs), if many are given."""
        shapes = {name: p.shape for name, p in self.parameters.items()}
        if isinstance(self.module, WordMean):
            return dict.fromkeys(shapes, matrix.mT)
        widths = [s.numel() // matrix.shape[-2] for s in shapes.values()]
        pairs = zip(shapes.items(), matrix.split(widths, -1), strict=True)
        return {n: part.reshape(*matrix.shape[:-2], *s) for (n, s), part in pairs}

    def each_matrix(self, a: Tensor, g: Tensor) -> Tensor:
        """Per-sample gradients as matrices (n, outputs, inputs), built: for small blocks only."""
        if self.factored:
            return self.given(g).mT @ self.taken(a)
        parts = sample_gradients(self.module, a, g)
        return torch.cat([part.reshape(len(g), 1, -1) for part in parts], 2)

    def taken(self, a: Tensor) -> Tensor:
        """What its weights multiply: inputs (n, positions, inputs [+ 1 for the bias])."""
        if isinstance(self.module, WordMean):
            return self.module.shares(a)[:, None].detach()
        if isinstance(self.module, nn.Conv2d):
            right = unfold(self.module, a)
        else:
            right = a.reshape(len(a), -1, a.shape[-1]).mT
        if self.module.bias is not None:
            right = torch.cat([right, right.new_ones(len(right), 1, right.shape[2])], 1)
        return right.mT

    def onto(self, a: Tensor, basis: Tensor) -> Tensor:
        """What its weights multiply, in a basis (inputs, k): (n, positions, k)."""
        if isinstance(self.module, WordMean):
            return in_basis(a, basis)[:, None]
        return self.taken(a) @ basis

    def given(self, g: Tensor) -> Tensor:
        """Gradients at its output (n, positions, outputs)."""
        if isinstance(self.module, nn.Conv2d):
            return g.flatten(2).mT
        return g.reshape(len(g), -1, g.shape[-1])


@dataclass(frozen=True, eq=False)
class Capture:
    """One forward pass: logits (n, c), and what entered and left each site."""

    logits: Tensor
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    def gradients(self, slope: Tensor) -> dict[str, Tensor]:
        """Gradients of Σ_i slope_iᵀ z_i at every site's output; records do not mix."""
        names = list(self.outputs)
        outputs = [self.outputs[name] for name in names]
        found = torch.autograd.grad(self.logits, outputs, slope, retain_graph=True)
        return {name: g.detach() for name, g in zip(names, found, strict=True)}


def frozen_copy(network: nn.Module) -> nn.Module:
    """A private copy in evaluation mode whose outputs are not overwritten in place."""
    network = copy.deepcopy(network).eval().requires_grad_(True)
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.__dict__["inplace"] = False
    return network


def sites_of(network: nn.Module) -> list[Site]:
    """All layers with weights; raises NotApplicable for kinds without a formula and shared weights.

    Of a whole Hugging Face network those that it names as measured.
    """
    sites: list[Site] = []
    seen: set[int] = set()
    chosen = network.measured() if isinstance(network, Whole) else None
    for name, module in network.named_modules():
        own = {id(p) for p in module.parameters(recurse=False)}
        if not own or (chosen is not None and name not in chosen):
            continue
        if type(module) not in KNOWN or seen & own:
            raise NotApplicable(
                f"The layer {name or type(module).__name__!r} ({type(module).__name__}) has weights that "
                "curvature does not cover.",
                "Use linear, convolution, normalisation and embedding layers that share no weights.",
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise NotApplicable(
                f"The layer {name!r} mixes the records of a batch.",
                "Use batch normalisation that keeps running statistics.",
            )
        seen |= own
        sites.append(Site(name, module))
    return sites


def coverage(network: nn.Module) -> str:
    """What of a whole Hugging Face network curvature covers, in one sentence; empty for other networks."""
    if not isinstance(network, Whole):
        return ""
    inside = {id(p) for site in sites_of(network) for p in site.parameters.values()}
    parts = [(type(m).__name__, p) for m in network.modules() for p in m.parameters(recurse=False)]
    covered = sum(p.numel() for _, p in parts if id(p) in inside)
    left = dict.fromkeys(kind for kind, p in parts if id(p) not in inside)
    total = sum(p.numel() for p in network.parameters())
    more = f"; weights in {', '.join(left)} are left out" if left else ""
    return (
        f"Curvature covers {covered / total:.0%} of the network's {total:,} weights, in linear layers that "
        f"run once on each record{more}."
    )


def capture(network: nn.Module, sites: Sequence[Site], x: Tensor) -> Capture:
    """Run the network once; raises NotApplicable where a layer runs twice or not at all."""
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    hooks = [site.module.register_forward_hook(_keep(site.name, inputs, outputs)) for site in sites]
    try:
        with torch.enable_grad():
            logits = network(x)
    finally:
        for hook in hooks:
            hook.remove()
    if len(outputs) < len(sites):
        missing = next(site.name for site in sites if site.name not in outputs)
        raise NotApplicable(f"The layer {missing!r} was not run.", "Remove layers without use.")
    return Capture(logits, inputs, outputs)


def _keep(name: str, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> Any:
    def hook(_: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        if name in outputs:
            raise NotApplicable(f"The layer {name!r} runs twice.", "Give each use its own layer.")
        inputs[name], outputs[name] = given[0].detach(), output

    return hook


def unfold(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Patches (n, channels x kernel, positions) that a convolution multiplies with its weights."""
    sides = [_sides(conv, axis) for axis in (1, 0)]  # F.pad wants the last axis first
    mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
    x = F.pad(x, sides[0] + sides[1], mode=mode)
    return F.unfold(x, conv.kernel_size, conv.dilation, 0, conv.stride)


def _sides(conv: nn.Conv2d, axis: int) -> list[int]:
    if conv.padding == "valid":
        return [0, 0]
    if conv.padding == "same":
        total = conv.dilation[axis] * (conv.kernel_size[axis] - 1)
        return [total // 2, total - total // 2]
    return [int(conv.padding[axis])] * 2


def sample_gradients(module: nn.Module, a: Tensor, g: Tensor) -> list[Tensor]:
    """Explicit per-sample gradients (n, *shape) of a layer that is not factored, in parameter order."""
    if isinstance(module, nn.Embedding):
        return [_embedding(module, a, g)]
    weight = _grouped(module, a, g) if isinstance(module, nn.Conv2d) else _scale(module, a, g)
    bias = _over_positions(module, g)
    return [weight, bias] if getattr(module, "bias", None) is not None else [weight]


def _embedding(module: nn.Embedding, a: Tensor, g: Tensor) -> Tensor:
    n, d = len(a), g.shape[-1]
    index = a.reshape(n, -1, 1).expand(-1, -1, d)
    total = g.new_zeros(n, module.num_embeddings, d).scatter_add_(1, index, g.reshape(n, -1, d))
    if module.padding_idx is not None:
        total[:, module.padding_idx] = 0
    return total


def _grouped(conv: nn.Conv2d, a: Tensor, g: Tensor) -> Tensor:
    n, groups = len(a), conv.groups
    patches = unfold(conv, a)
    patches = patches.reshape(n, groups, patches.shape[1] // groups, -1)
    out = g.reshape(n, groups, conv.out_channels // groups, -1)
    return (out @ patches.mT).reshape(n, *conv.weight.shape)


def _scale(norm: nn.Module, a: Tensor, g: Tensor) -> Tensor:
    """Gradient of a norm's scale: output gradient times the normalised input, over positions."""
    if isinstance(norm, nn.GroupNorm):
        unit = F.group_norm(a, norm.num_groups, eps=norm.eps)
    elif isinstance(norm, nn.LayerNorm):
        unit = F.layer_norm(a, norm.normalized_shape, eps=norm.eps)
    else:
        unit = F.batch_norm(a, norm.running_mean, norm.running_var, eps=norm.eps)  # type: ignore
    return _over_positions(norm, g * unit)


def _over_positions(module: nn.Module, g: Tensor) -> Tensor:
    if isinstance(module, nn.LayerNorm):
        shape = module.normalized_shape
        return g.reshape(len(g), -1, math.prod(shape)).sum(1).reshape(len(g), *shape)
    return g.reshape(len(g), g.shape[1], -1).sum(2)
