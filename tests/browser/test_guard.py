"""What the network may ask of the app, and what its pages may do: asked by hand, and by a real browser."""

import base64
import http.client
import io
import os
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from app.runtime import guard
from tests.browser.conftest import settled
from tests.hostile.pictures.make import encode, picture

PAGES = ("/?lang=en", "/lecture?lang=en&scene=patches", "/lecture?lang=ko&scene=attention", "/mistakes?lang=en")


def ask(server, method: str, path: str, body: bytes | None = None, **headers: str):
    """(status, headers, body) of one request."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    with connection as open_:
        open_.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = open_.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


@pytest.fixture(autouse=True, scope="module")
def closing():
    """HTTPConnection as a context manager, which it is not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http.client.HTTPConnection, "__enter__", lambda self: self, raising=False)
        patch.setattr(http.client.HTTPConnection, "__exit__", lambda self, *_: self.close(), raising=False)
        yield


def shakes_hands(server, **headers: str) -> int:
    """The status that a websocket's request gets; 101 opens it."""
    where = urlsplit(server.url)
    given = {
        "Host": where.netloc,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "streamlit",
    }
    lines = [f"{name}: {value}" for name, value in (given | headers).items()]
    with socket.create_connection((where.hostname, where.port), timeout=20) as link:
        link.sendall("\r\n".join(["GET /_stcore/stream HTTP/1.1", *lines, "", ""]).encode())
        return int(link.recv(4096).split()[1])


def test_every_answer_has_the_headers(server):
    page = ask(server, "GET", "/")[2].decode()
    script = page.partition('src="./static/')[2].partition('"')[0]
    for path, expected in (("/", 200), ("/_stcore/health", 200), (f"/static/{script}", 200), ("/media/none", 404)):
        status, headers, _ = ask(server, "GET", path)
        assert status == expected
        for name, value in guard.HEADERS.items():
            assert headers[name.lower()] == value, (path, name)
    content = guard.HEADERS["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in content
    assert "'unsafe-eval'" not in content
    assert "http" not in content
    assert "'unsafe-inline'" not in content.partition("script-src")[2].partition(";")[0]


def test_a_name_pointed_at_this_computer_is_refused(server):
    port = urlsplit(server.url).port
    for name in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example"):
        host = f"{name}:{port}"
        assert ask(server, "GET", "/", Host=host)[0] == 403, host
        assert shakes_hands(server, Host=host, Origin=f"http://{host}") == 403
    assert ask(server, "GET", "/", Host=f"localhost:{port}")[0] == 200
    assert ask(server, "GET", "/", Host=f"[::1]:{port}")[0] == 200


def test_a_foreign_page_opens_no_websocket(server):
    assert shakes_hands(server, Origin=server.url) == 101
    assert shakes_hands(server) == 101  # no page: a program of this computer's
    for origin in (
        "http://evil.example",
        "null",
        "http://localhost:1",
        "http://127.0.0.1",
        server.url.replace("http://", "http://evil.example@"),
    ):
        assert shakes_hands(server, Origin=origin) == 403, origin


def test_an_upload_needs_the_token_and_this_very_page(server):
    path = "/_stcore/upload_file/session/file"
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.png"\r\n\r\nbytes\r\n--x--\r\n'
    kind = {"Content_Type": "multipart/form-data; boundary=x"}
    assert ask(server, "PUT", path, body, **kind)[0] == 403
    status, headers, _ = ask(server, "GET", "/_stcore/health")
    token = next(value for name, value in headers.items() if name.lower() == "set-cookie").split(";")[0]
    with_token = kind | {"Cookie": token, "X_Xsrftoken": token.partition("=")[2]}
    assert ask(server, "PUT", path, body, Origin=server.url, **with_token)[0] == 400  # let in: no such session
    assert ask(server, "PUT", path, body, Origin="http://evil.example", **with_token)[0] == 403
    assert ask(server, "PUT", path, body, Origin=server.url, **with_token | {"X_Xsrftoken": "2|0|0|0"})[0] == 403


def test_it_listens_to_this_computer_only(server):
    pids, found = {server.process.pid}, set()
    for stat in Path("/proc").glob("[0-9]*/stat"):  # parents have lower numbers, but for a wrap nobody waits for
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) in pids:
                pids.add(int(stat.parent.name))
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                found.add(os.readlink(handle).removeprefix("socket:[").rstrip("]"))
    lines = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()]
    listening = {line[1].partition(":")[0] for line in lines if line[3] == "0A" and line[9] in found}
    assert listening == {"0100007F"}  # 127.0.0.1


def test_no_page_breaks_the_policy_and_it_holds(chromium, server):
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(60_000)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
    page.add_init_script("""window.broken = [];
        addEventListener('securitypolicyviolation',
                         e => broken.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`));""")
    for address in PAGES:
        page.goto(server.url + address)
        page.wait_for_function("() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'")
        if "mistakes" in address:  # evaluated by then, or the page waits and draws nothing
            page.locator(".stPlotlyChart").first.or_(page.locator(".stProgress").first).wait_for()
        page.locator(".atlas[data-state=ready], .slide, .stPlotlyChart, .stProgress").first.wait_for()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("broken") == [], address
    assert not said
    assert {urlsplit(url).netloc for url in asked if url.startswith(("http", "ws"))} == {urlsplit(server.url).netloc}
    page.evaluate("""() => { const s = document.createElement('script'); s.textContent = 'window.pwned = 1';
                             document.body.append(s); }""")
    assert page.evaluate("window.pwned") is None
    page.wait_for_function("() => broken.length === 1")
    page.close()


@pytest.mark.parametrize("kind", ["GIF", "JPEG"])
def test_a_picture_that_is_a_program_too_is_never_handed_out(visit, server, kind):
    payload = b"*/=1;window.pwned=1;/*PAYLOAD PK\x03\x04"
    if kind == "GIF":
        data = encode(picture(48, 64), "GIF")
        data = data[:-1] + b"!\xfe" + bytes([len(payload)]) + payload + b"\0" + b";" + payload
    else:
        data = encode(picture(48, 64), "JPEG") + payload
    page, served = visit("lang=en&view=inside&inside=received"), []
    page.on("response", lambda answer: served.append(answer) if "/media/" in answer.url else None)
    page.locator("[data-testid=stSidebar]").get_by_text("File", exact=True).click()
    page.locator("[data-testid=stSidebar] input[type=file]").set_input_files(
        {"name": "photo.gif", "mimeType": "image/gif", "buffer": data}
    )
    page.get_by_text("photo.gif").first.wait_for()
    page.get_by_text("From a picture of 64", exact=False).wait_for()  # pixels wide: the result is the file's
    settled(page)
    within = page.locator("[data-testid=stImage] img").evaluate_all("all => all.map(image => image.src)")
    files = [(answer.headers["content-type"], answer.body()) for answer in served]
    for source in within:
        if source.startswith("data:"):
            kind, _, data = source.removeprefix("data:").partition(";base64,")
            files.append((kind, base64.b64decode(data, validate=True)))
    assert len(files) >= len(within) == 1  # what the model receives
    for kind, body in files:
        assert b"PAYLOAD" not in body
        assert kind in ("image/png", "image/webp", "image/jpeg")
        Image.open(io.BytesIO(body), formats=["PNG", "WEBP", "JPEG"]).load()
    assert page.evaluate("window.pwned") is None
