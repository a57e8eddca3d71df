"""A client that speaks Streamlit's protocol to a Vitrine on this computer and reads its answers."""

from __future__ import annotations

import asyncio
import itertools
import urllib.request
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileUploaderState, FileURLsRequest, UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from app import text
from app.text.plain import escaped

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ENGLISH = text.Text("en")
ANSWER_TIMEOUT_S = 120
ANSWER = ENGLISH("atlas.answer", answer="**").partition("**")[0]
RETRY_DELAY_S = 0.5  # after an answer that says "try again"


class Failed(Exception):
    """The app answered with an error."""


class Browser:
    """One session. `ask` reruns the page; `show` uploads a picture first. `said` holds the page's sentences."""

    def __init__(self, url: str):
        if urlsplit(url).hostname not in LOOPBACK:
            raise ValueError(f"the load test is for this computer only, not for {url}")
        self.url, self.said, self.busy, self._states, self._numbers = url, [], 0, {}, itertools.count()
        self._address = "lang=en"
        self.session = self.source = self.uploader = None
        self._cached: dict[str, ForwardMsg] = {}  # large messages by hash; the server sends only the hash again

    async def __aenter__(self) -> Browser:
        self._cookie, self._token = await asyncio.to_thread(self._cookies)
        self._link = await connect(
            self.url.replace("http", "ws", 1) + "/_stcore/stream",
            origin=self.url,
            subprotocols=["streamlit", self._token],
            max_size=None,
            compression=None,
            additional_headers={"Cookie": self._cookie},
            open_timeout=ANSWER_TIMEOUT_S,
            ping_interval=None,  # as in a browser, only the server sends pings
        )
        return self

    async def __aexit__(self, *_) -> None:
        await self._link.close()

    def _cookies(self) -> tuple[str, str]:
        """The cookies that a browser would send back, including a proxy's; and the session's token."""
        with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=ANSWER_TIMEOUT_S) as answer:
            cookies = [cookie.split(";")[0] for cookie in answer.headers.get_all("Set-Cookie")]
        return "; ".join(cookies), dict(cookie.split("=", 1) for cookie in cookies)["_streamlit_xsrf"]

    async def ask(self) -> None:
        """Rerun the page; while it answers that it is busy, try again after a delay."""
        while True:
            message = BackMsg()
            message.rerun_script.query_string = self._address
            message.rerun_script.cached_message_hashes.extend(self._cached)
            for name, (kind, value) in self._states.items():
                state = message.rerun_script.widget_states.widgets.add(id=name)
                if kind == "file":
                    state.file_uploader_state_value.CopyFrom(value)
                elif kind == "numbers":
                    state.double_array_value.data.extend(value)
                else:
                    state.string_array_value.data.append(value)
            await self._link.send(message.SerializeToString())
            self.said, self.uploader = [], None
            await self._until("script_finished")
            if not any("pictures are waiting for the model" in line for line in self.said):
                return
            self.busy += 1
            await asyncio.sleep(RETRY_DELAY_S)

    async def _until(self, wanted: str) -> ForwardMsg:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                message = ForwardMsg()
                message.ParseFromString(await self._link.recv())
                if message.WhichOneof("type") == "ref_hash":
                    message = self._cached[message.ref_hash]
                elif message.metadata.cacheable:
                    self._cached[message.hash] = message
                kind = message.WhichOneof("type")
                if kind == "new_session":
                    self.session = message.new_session.initialize.session_id or self.session
                elif kind == "page_info_changed":
                    self._address = message.page_info_changed.query_string
                elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                    self._see(message.delta.new_element)
                if kind == wanted:
                    return message

    def _see(self, element) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise Failed(f"{element.exception.type}: {element.exception.message}")
        if kind in ("markdown", "alert"):
            self.said.append(getattr(element, kind).body)
        elif kind == "file_uploader" and element.file_uploader.id.endswith("-upload"):  # a comparison has its own
            self.uploader = element.file_uploader.id
        elif kind == "slider":  # a browser reports a slider's value as soon as it is drawn
            value = element.slider.value if element.slider.set_value else element.slider.default
            self._states.setdefault(element.slider.id, ("numbers", list(value)))
        elif kind == "button_group" and element.button_group.id.endswith("-source"):
            self.source = element.button_group.id

    async def show(self, data: bytes) -> str:
        """Upload this picture; return the page's sentence with the prediction."""
        if self.source not in self._states:
            self._states[self.source] = ("words", ENGLISH("side.source.file"))
            await self.ask()
        asked = BackMsg()
        name = f"{next(self._numbers)}.png"
        asked.file_urls_request.CopyFrom(FileURLsRequest(request_id=name, file_names=[name], session_id=self.session))
        await self._link.send(asked.SerializeToString())
        urls = (await self._until("file_urls_response")).file_urls_response.file_urls[0]
        await asyncio.to_thread(self._put, urls.upload_url, name, data)
        info = UploadedFileInfo(name=name, size=len(data), file_id=urls.file_id, file_urls=urls)
        self._states[self.uploader] = ("file", FileUploaderState(uploaded_file_info=[info]))
        await self.ask()
        return next((line for line in self.said if line.startswith(ANSWER)), "")

    def _put(self, path: str, name: str, data: bytes) -> None:
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        request = urllib.request.Request(
            f"{self.url}{path}",
            head + data + b"\r\n--x--\r\n",
            method="PUT",
            headers={
                "Content-Type": "multipart/form-data; boundary=x",
                "Cookie": self._cookie,
                "Origin": self.url,
                "X-Xsrftoken": self._token,
            },
        )
        urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S).close()


def answer(best: list[tuple[str, str]]) -> str:
    """The page's sentence for these classes and percentages."""
    classes = (ENGLISH("atlas.class", name=escaped(name, 60), percent=percent) for name, percent in best)
    return ENGLISH("atlas.answer", answer=" · ".join(classes))
