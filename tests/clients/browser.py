"""A browser without scripts, as far as logging in and letting an app in needs one: it sends the forms it is shown."""

from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from bs4 import BeautifulSoup


class Browser:
    """Cookies, forms and redirects; it stops at an address that is not the instance's (an app's own)."""

    def __init__(self, origin: str, name: str, password: str) -> None:
        self.origin = origin
        self.name = name
        self.password = password
        self.session = requests.Session()

    def open(self, url: str) -> requests.Response:
        """The page at `url` after its redirects."""
        return self._follow(self.session.get(url, allow_redirects=False, timeout=30))

    def submit(self, page: requests.Response, press: str | None = None, **typed: str) -> requests.Response:
        """Send the form of a page with what was typed; `press` is the value of the button, else the first one."""
        form = BeautifulSoup(page.text, "html.parser").select_one("main form")
        assert form is not None, page.text
        fields = {str(field["name"]): str(field.get("value", "")) for field in form.select("input[name]")}
        buttons = form.select("button[name]")
        if buttons:
            pressed = next((one for one in buttons if press is None or one["value"] == press), buttons[0])
            fields[str(pressed["name"])] = str(pressed["value"])
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        sent = self.session.post(
            urljoin(page.url, str(form["action"])),
            {**fields, **typed},
            headers=headers,
            allow_redirects=False,
            timeout=30,
        )
        return self._follow(sent)

    def let_in(self, authorize_url: str, press: str = "allow") -> requests.Response:
        """Log in where that is asked, then answer the authorise page; what comes back after it."""
        page = self.open(authorize_url)
        if urlsplit(page.url).path == "/login":
            page = self.submit(page, name=self.name, password=self.password)
        assert urlsplit(page.url).path.rstrip("/") == "/oauth/authorize", (page.url, page.text)
        return self.submit(page, press)

    def code(self, authorize_url: str) -> str:
        """The code that an app gets: from its redirect URI, or read off the page."""
        answered = self.let_in(authorize_url)
        location = answered.headers.get("location", "")
        if location:
            return parse_qs(urlsplit(location).query)["code"][0]
        shown = BeautifulSoup(answered.text, "html.parser").select_one("main code")
        assert shown is not None, answered.text
        return shown.get_text(strip=True)

    def _follow(self, answer: requests.Response) -> requests.Response:
        for _ in range(10):
            location = answer.headers.get("location")
            if location is None or not urljoin(answer.url, location).startswith(self.origin + "/"):
                return answer
            answer = self.session.get(urljoin(answer.url, location), allow_redirects=False, timeout=30)
        raise AssertionError(f"more than 10 redirects, last to {answer.url}")
