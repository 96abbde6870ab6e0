"""`fedi search`: the index of what posts say."""

import typer

from fedi.cli.console import opened
from fedi.cli.options import ConfigPath

app = typer.Typer(help="The index of what posts say.", no_args_is_help=True)


@app.command()
def reindex(config: ConfigPath = None) -> None:
    """Make the index anew from the posts. On SQLite whoever writes waits meanwhile, so end the server first."""
    from storage import indexed

    with opened(config) as site:
        done = site.db.write_now(indexed.rebuild)
    print(f"{done} {'post is' if done == 1 else 'posts are'} in the index")


@app.callback()
def search() -> None:
    """Keep `reindex` a command of its own name, though there is no other."""
