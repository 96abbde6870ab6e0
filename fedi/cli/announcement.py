"""`fedi announcement`: what the operator tells everyone on this instance; client apps show it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fedi.cli.console import CommandError, opened, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from storage.announcements import Announcement

app = typer.Typer(help="What everyone on this instance is told.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", help="As `fedi announcement list` shows it.", min=0)]


@app.command()
def create(
    text: Annotated[str, typer.Argument(help="What it says; links, @people and #tags become links.")],
    starts: Annotated[str | None, typer.Option(help="When that begins which it is about, as 2026-12-01T18:00.")] = None,
    ends: Annotated[str | None, typer.Option(help="When that is over; it is shown until then.")] = None,
    all_day: Annotated[bool, typer.Option("--all-day", help="These are days, without times.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Keep it for `fedi announcement publish`.")] = False,
    config: ConfigPath = None,
) -> None:
    """Tell everyone something. Times are in UTC unless they name a zone."""
    begin, end = _time(starts), _time(ends)
    with opened(config) as site:
        from fedi.actions import announcements

        made = site.db.write_now(
            lambda tx: announcements.create(
                tx, site, text, starts_at=begin, ends_at=end, all_day=all_day, publish_now=not draft
            )
        )
    print(f"announcement {made.id} is {'a draft' if draft else 'shown'}")


@app.command("list")
def list_(json: AsJson = False, config: ConfigPath = None) -> None:
    """Every announcement, newest first."""
    with opened(config) as site:
        from fedi.text.mentions import shortened
        from storage import announcements

        found = site.db.read_now(announcements.everything)
        now = site.clock()
    rows = [
        {
            "id": str(one.id),
            "state": _state(one, now),
            "starts": timestamp(one.starts_at),
            "ends": timestamp(one.ends_at),
            "text": one.text if json else shortened(one.text, 60),
        }
        for one in found
    ]
    if json:
        print_json(rows)
    else:
        print_rows(rows, ["id", "state", "starts", "ends", "text"], none="There are no announcements.")


@app.command()
def publish(number: Number, config: ConfigPath = None) -> None:
    """Show a draft to everyone."""
    with opened(config) as site:
        from fedi.actions import announcements

        site.db.write_now(lambda tx: announcements.publish(tx, site, number))
    print(f"announcement {number} is shown")


@app.command()
def end(number: Number, config: ConfigPath = None) -> None:
    """Show an announcement no longer."""
    with opened(config) as site:
        from fedi.actions import announcements

        site.db.write_now(lambda tx: announcements.end(tx, site, number))
    print(f"announcement {number} is over")


def _state(one: "Announcement", now: int) -> str:
    if one.ends_at is not None and one.ends_at <= now:
        return "over"
    return "draft" if one.published_at is None else "shown"


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as problem:
        raise CommandError(f"{text!r} is no time; write it as 2026-12-01 or 2026-12-01T18:00") from problem
    return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
