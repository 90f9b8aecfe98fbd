"""A stranger's script: plain torch on a real table (scikit-learn's breast cancer records).

It imports nothing of this project: python foreign.py FOLDER writes tumours.csv, net.pt and truth.npz.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn


class TumourNet(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, 24), nn.ReLU(), nn.Linear(24, 12), nn.ReLU())
        self.verdict = nn.Linear(12, 2)

    def forward(self, x):
        return self.verdict(self.body(x))


def main(folder):
    found = load_breast_cancer(as_frame=True)
    frame = found.frame.rename(columns={"target": "diagnosis"})
    frame["diagnosis"] = np.where(frame["diagnosis"] == 0, "malignant", "benign")
    rng = np.random.default_rng(3)
    frame.insert(0, "patient", [f"P{n:04d}" for n in rng.permutation(len(frame))])
    frame["hospital"] = rng.choice(["North", "South", "East"], len(frame), p=[0.2, 0.5, 0.3])
    frame["split"] = rng.choice(["train", "validation", "test"], len(frame), p=[0.7, 0.1, 0.2])
    x = found.data.to_numpy()
    train = (frame["split"] == "train").to_numpy()
    z = (x - x[train].mean(0)) / x[train].std(0)
    y = (frame["diagnosis"] == "malignant").to_numpy().astype(int)  # classes: benign, malignant
    torch.manual_seed(0)
    net = TumourNet(x.shape[1])
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    inputs, targets = torch.tensor(z[train], dtype=torch.float32), torch.tensor(y[train])
    for _ in range(30):
        for rows in torch.randperm(len(targets)).split(32):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[rows]), targets[rows]).backward()
            optimiser.step()
    frame.to_csv(folder / "tumours.csv", index=False)
    torch.save(net.state_dict(), folder / "net.pt")
    with torch.no_grad():
        answers = net(torch.tensor(z, dtype=torch.float32)).numpy()
    np.savez(folder / "truth.npz", logits=answers, y=y, train=train)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
