"""Prediction rules: how the networks of a model become one answer, one file each.

A rule is a class with `@RULES.register`, a `name`, `says` (how it is described), `behind` (the rule that
answers once an output filter is lifted, "" where no network answers) and
`logits(model, x) -> (n, classes)`; where it withholds answers, `withheld(model, x) -> bool (n,)`; where
learnt numbers lie in the artefacts, `weights(model)`, a list of them.
"""
