"""Page configuration, navigation and the sidebar: the script that Streamlit runs for every page."""

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path, but `app` and `vit_core` are one above.
if (root := str(Path(__file__).absolute().parents[1])) not in sys.path:
    sys.path.insert(0, root)

import streamlit as st

from app import figures, sidebar, state
from app.runtime import cache, garbage
from app.text.markup import style

SHEETS = ("style.css", "components/panel.css", "mistakes/mistakes.css")

if state.start():
    garbage.session_started()
t = state.t()
st.set_page_config(
    None, figures.icon(), layout="wide", initial_sidebar_state=295
)  # without an icon, the browser fetches one
st.html(style(*(Path(__file__).parent / sheet for sheet in SHEETS)))
pages = [
    st.Page("explore/page.py", url_path="explore", title=t("page.explore"), icon=":material/search:", default=True),
    st.Page("lecture/page.py", url_path="lecture", title=t("page.lecture"), icon=":material/co_present:"),
    st.Page("mistakes/page.py", url_path="mistakes", title=t("page.mistakes"), icon=":material/rule:"),
]
page = st.navigation(pages, position="top")
# On a phone, Streamlit hides the pages in a menu: style.css shows these instead.
with st.container(horizontal=True, key="phone_pages"):
    for one in pages:
        st.page_link(one, label=one.title)
st.set_page_config(f"{page.title} · {t('app.name')}")
with cache.page_slots():
    sidebar.show(picture=page.url_path != "mistakes")
    page.run()
    cache.freeze_after_first_page()
