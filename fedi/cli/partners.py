"""The demo's universities as partners: each two sign an agreement, are tried by canaries, and each has a federation policy."""

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from pathlib import Path

from fedi.cli.demo_account import until

_POLICY = """\
[policy]
default = "accept"

[[rule]]
id = "new-accounts-that-shout"
when = {{ direction = "in", activity = "Create", account_days = "<3", mentions = ">8" }}
then = "hold"
reason = {{ code = "looks-like-spam", text = "A new account that mentions many people: a moderator looks at it first" }}
owner = "{admin}"

[[rule]]
id = "essays-for-sale"
when = {{ direction = "in", keyword = ["buy your thesis", "essay writing service"] }}
then = "reject"
reason = {{ code = "advertising", text = "Advertising for ghostwriters is not taken here" }}
owner = "{admin}"

[[rule]]
id = "graphic-maps"
when = {{ direction = "in", hashtag = "graphic" }}
then = "sensitive"
reason = {{ code = "graphic", text = "Pictures with this hashtag are shown after a click" }}
owner = "{admin}"

[[rule]]
id = "long-posts"
when = {{ direction = "in", activity = "Create", size = ">20000" }}
then = "limit"
observe = true
reason = {{ code = "long", text = "Only counted, to see how many there would be" }}
owner = "{admin}"

[[test]]
name = "a class that mentions its teachers is no spam"
given = {{ peer = "b.example", activity = "Create", mentions = 6, account_days = 400 }}
expect = "accept"

[[test]]
name = "ghostwriters are refused whoever passes them on"
given = {{ peer = "b.example", activity = "Create", text = "Buy your thesis here, today only" }}
expect = "reject:advertising"
"""


def agree(urls: Mapping[str, str], command: Callable[..., str], say: Callable[[str], None]) -> None:
    """Let every two of these universities (URLs by name) agree on everything, and wait until each may have what is for members.

    `command` runs a `fedi` command at the university that it is given first. Raises CommandError when it takes too long.
    """
    say("agreements between the universities")
    keys = {name: json.loads(command(name, "peer", "terms", "--json"))["fingerprint"] for name in urls}
    hosts = {name: url.partition("://")[2] for name, url in urls.items()}
    for first, second in combinations(urls, 2):
        command(first, "peer", "invite", urls[second], "--fingerprint", keys[second], "--json")
    for first, second in combinations(urls, 2):
        until(f"{second} is asked by {first}", partial(_is_asked, command, second, hosts[first]))
        command(second, "peer", "sign", hosts[first], "--fingerprint", keys[first], "--json")
    for first, second in combinations(urls, 2):
        for at in ((first, second), (second, first)):
            until(f"{at[0]} trusts {at[1]}", partial(_trusts, command, at[0], hosts[at[1]]))


def set_policies(admins: Mapping[str, str], command: Callable[..., str]) -> None:
    """Apply a small policy at every university (its admin's username by its name)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, admin in admins.items():
            file = Path(folder) / f"{name}.toml"
            file.write_text(_POLICY.format(admin=admin), "utf-8")
            command(name, "policy", "apply", str(file), "--comment", "Spam waits, ghostwriters stay out")


def _row(command: Callable[..., str], of: str, host: str) -> dict[str, str | None]:
    rows = json.loads(command(of, "peer", "list", "--json"))
    return next((row for row in rows if row["host"] == host), {})


def _is_asked(command: Callable[..., str], of: str, host: str) -> bool | None:
    return (_row(command, of, host).get("agreement") or "").endswith(" offered") or None


def _trusts(command: Callable[..., str], of: str, host: str) -> bool | None:
    return _row(command, of, host).get("tier") == "members" or None
