"""Is the browser on the computer that the server runs on?"""

from __future__ import annotations

import streamlit as st

HERE = ("127.0.0.1", "localhost", "::1")
PASSED_ON = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")


def on_this_computer() -> bool:
    """Whether the server answers this computer only, and this request was not passed on by another one.

    Only then may a user name files by their path.
    """
    headers = st.context.headers
    host = headers.get("Host", "").strip()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    passed_on = any(header in headers for header in PASSED_ON)
    bound = st.get_option("server.address") in HERE
    return bound and not passed_on and name in (*HERE, "")
