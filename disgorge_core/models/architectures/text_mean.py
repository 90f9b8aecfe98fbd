"""The mean of a text's word vectors, then a linear layer, or a hidden layer and a linear one.

After Joulin et al. 2017 ("Bag of Tricks for Efficient Text Classification", arXiv 1607.01759, section 2.1),
without pairs of words: the order of words plays no part. The mean of n vectors is scaled by √n, so that
it is no smaller for long texts than for short ones, and so that words learn at the pace of the layer above.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.errors import BadModel
from disgorge_core.params import param
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Layer


@ARCHITECTURES.register
@dataclass(frozen=True)
class TextMean:
    """Learns a vector for each known word, takes their mean over a text, and reads the answer off it."""

    name = "text_mean"
    title = "Mean of word vectors"
    order = 35
    kinds = ("text",)
    tasks = ("classification", "regression")

    width: int = param(32, help="Numbers that a word's vector has", min=1, max=1024)
    hidden: int = param(0, help="Units of a hidden layer; 0 for none", min=0, max=1024)
    dropout: float = param(0.0, help="Share of the mean vector silenced in a step", min=0, max=0.9)

    def layers(self, shape: tuple[int, ...], outputs: int) -> tuple[Layer, ...]:
        """Layers for texts (words read, word numbers); raises BadModel for anything else."""
        if len(shape) != 2:
            raise BadModel("A mean of word vectors needs texts.", "Choose mlp or linear.")
        found = [Layer("word_mean", "words", {"words": shape[1], "channels": self.width})]
        found += [Layer("dropout", options={"p": self.dropout})] if self.dropout else []
        inputs = self.width
        if self.hidden:
            sizes = {"inputs": inputs, "outputs": self.hidden}
            found += [Layer("linear", "hidden", sizes), Layer("relu")]
            inputs = self.hidden
        return (*found, Layer("linear", "head", {"inputs": inputs, "outputs": outputs}))
