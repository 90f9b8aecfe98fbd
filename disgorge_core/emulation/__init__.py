"""Dataset emulation: few made-up records that stand for many, and datasets of them."""
