"""A link that was mailed opens its page, on a server that nobody has visited yet too."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]


def test_a_link_into_a_server_that_was_just_started(serve, browser_page) -> None:
    url = serve("../../app.py", {"DISGORGE_VISITED": "never"})  # a server of its own
    page = browser_page(f"{url}/guide?case=none")
    expect(page.get_by_text("Page not found")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("Guide")
    assert page.url.endswith("/guide?case=none")
