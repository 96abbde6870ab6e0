"""Digests: the job `digests` asks each minute whose hour has come; `written` makes the words when one is sent.

They are made anew at each try, through the gate, so that nothing is told that was deleted, hidden or read meanwhile, and
nobody's posts wait in a queue.
"""

from dataclasses import replace
from typing import Any

from fedi import languages
from fedi.actions import digests, mail_links, mailing
from fedi.actions.digest_times import wish
from fedi.actions.digests import Item
from fedi.actions.mail_links import Link
from fedi.context import Site
from fedi.languages import _, ngettext
from fedi.push import keys
from fedi.rendering import letters
from fedi.rendering.letters import Entry, Letter
from fedi.text import to_text
from fedi.text.mentions import shortened, without_mentions
from fedi.web import cards
from storage import actors, people
from storage.ids import first_at
from storage.mails import Mail
from storage.metadata import Tx
from storage.people import Person

_BATCHES = 100
_EXCERPT = 180
_TITLE = 120
_SINCE = "since"
"""What a mail of mentions notes among its headers until it is written."""
READ_DAYS = 31
"""Days for which the link works that marks as read what a digest told of."""


async def digests_due(site: Site, payload: dict[str, Any]) -> None:
    """Have every digest sent whose hour has come."""
    for _batch in range(_BATCHES):
        if await site.db.write(lambda tx: digests.pass_on(tx, site, site.surely())) < digests.DUE:
            return


def written(tx: Tx, site: Site, mail: Mail) -> tuple[Mail, int] | None:
    """A digest with its words, and until when (ms) it tells; None where there is nothing to tell (any more)."""
    me = actors.by_id(tx, mail.person_id or 0)
    person = people.by_id(tx, mail.person_id or 0)
    if me is None or person is None or person.state != "active" or me.state != "active":
        return None
    with languages.using(language_of(site, person), person.settings.get("time_zone") or ""):
        told = digests.collect(tx, site, me, person)
        if not told.items:
            return None
        read = Link("read", me.id, first_at(told.until), told.until + READ_DAYS * 86_400_000)
        stop = site.iri(f"/mail/stop/{mail_links.sign(tx, site, Link('stop digest', me.id))}")
        letter = Letter(
            _("What is new for you at %(name)s") % {"name": site.config.name},
            [_entry(tx, site, item) for item in told.items],
            ngettext("%(num)s more thread has something new.", "%(num)s more threads have something new.", told.more)
            % {"num": told.more}
            if told.more
            else "",
            [
                (_("Catch up"), site.iri("/catch-up")),
                (_("Mark all as read"), site.iri(f"/mail/read/{mail_links.sign(tx, site, read)}")),
            ],
            _("You get this mail from %(name)s because you asked for it.") % {"name": site.config.name},
            [(_("Settings"), site.iri("/settings/mail")), (_("No more digests"), stop)],
        )
        subject = _subject(site, told.items, told.more)
        headers = {
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": f"<digest.{site.config.host.partition(':')[0]}>",
            "Precedence": "bulk",
        }
        made = replace(
            mail,
            subject=mailing.one_line(subject),
            text=letters.text(letter),
            html=letters.html(letter),
            headers=headers,
        )
        return made, told.until


async def mentions_due(site: Site, payload: dict[str, Any]) -> None:
    """Have a mail written of what was meant for `person` since `since` (ms), unless they read it meanwhile."""
    person_id, since = int(payload["person"]), int(payload["since"])

    def unit(tx: Tx) -> None:
        keys.ensure(tx, site)  # its link is signed
        person = people.by_id(tx, person_id)
        wanted = person is not None and person.state == "active" and person.settings.get("mail_mentions")
        if person is None or not wanted or not mailing.is_address(person.email):
            return
        quiet = wish(person.settings).quiet
        if quiet is None or quiet <= site.clock():
            noted = {_SINCE: str(since)}
            to = person.email
            mailing.post(tx, site, to=to, person_id=person_id, kind="mentions", subject="", text="", headers=noted)

    await site.db.write(unit)


def mentions_written(tx: Tx, site: Site, mail: Mail) -> tuple[Mail, None] | None:
    """A mail of what was meant for its person, with its words; None where they read it meanwhile, or may not see it any more."""
    me, person = actors.by_id(tx, mail.person_id or 0), people.by_id(tx, mail.person_id or 0)
    if me is None or person is None or person.state != "active" or me.state != "active":
        return None
    with languages.using(language_of(site, person), person.settings.get("time_zone") or ""):
        items = digests.mentions(tx, site, me, int(mail.headers.get(_SINCE, mail.created_at)))
        if not items:
            return None
        stop = site.iri(f"/mail/stop/{mail_links.sign(tx, site, Link('stop mentions', me.id))}")
        letter = Letter(
            _("For you at %(name)s") % {"name": site.config.name},
            [_entry(tx, site, item) for item in items],
            "",
            [(_("All notifications"), site.iri("/notifications"))],
            _("You get this mail from %(name)s because you asked for it.") % {"name": site.config.name},
            [(_("Settings"), site.iri("/settings/mail")), (_("No more of these mails"), stop)],
        )
        subject = items[0].reason if len(items) == 1 else _("%(num)s things for you") % {"num": len(items)}
        headers = {
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": f"<mentions.{site.config.host.partition(':')[0]}>",
        }
        text, html = letters.text(letter), letters.html(letter)
        return replace(
            mail, subject=mailing.one_line(f"{site.config.name}: {subject}"), text=text, html=html, headers=headers
        ), None


def language_of(site: Site, person: Person) -> str:
    """The language of mails to a person: the one they chose, else the instance's main one."""
    return str(person.settings.get("locale") or site.config.languages[0])


def _subject(site: Site, items: list[Item], more: int) -> str:
    number = len(items) + more
    said = ngettext("%(num)s new thing for you", "%(num)s new things for you", number) % {"num": number}
    if items[0].closed or items[0].group is None:
        return f"{site.config.name}: {said}"
    group = items[0].group
    return f"{site.config.name}: {said} – {shortened(group.name or group.username, 60)}"


def _entry(tx: Tx, site: Site, item: Item) -> Entry:
    """Of a private message no word leaves the instance: a mail is read by whoever reads a mailbox."""
    card, new = cards.of_posts(tx, None, [item.post]), cards.of_posts(tx, None, [item.new])
    link = site.iri(card[0].path if card else "/catch-up")
    where = "" if item.group is None else shortened(item.group.name or item.group.username, 60)
    if item.closed or not card or not new:
        return Entry(item.reason, _("A private message"), link, where)
    title = card[0].named(_TITLE)
    excerpt = ""
    if not item.new.summary and not item.new.sensitive:
        begins = item.new.id == item.post.id  # its title is not said twice
        text = card[0].rest if begins else without_mentions(to_text(item.new.content[:4000]))
        excerpt = shortened(" ".join(text.split()), _EXCERPT)
    return Entry(item.reason, title, link, where, excerpt)
