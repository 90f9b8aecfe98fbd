"""Disgorge: explore and remove training data from a trained model. Start with ./run."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads are 11x slower

from pages.common import frame, state
from pages.common.messages import problems_in_words

frame.dress()
page = frame.menu()
with problems_in_words():
    state.sync()
    frame.sidebar()
    page.run()
