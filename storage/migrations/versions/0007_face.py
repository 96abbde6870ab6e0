"""The face: what pages for students, digests, the library, questions and cases of moderation keep."""

revision = "0007_face"
down_revision = "0006_peering"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and columns; nothing that is there changes."""
    _signin()
    _groups()
    _compose()
    _questions()
    _library()
    _digests()
    _cases()
    _console()


def _signin() -> None:
    """Invitations, passkeys, second factors, codes that were sent by mail."""


def _groups() -> None:
    """What a person read of a thread, muted, and how loud a group is to them."""


def _compose() -> None:
    """Drafts."""


def _questions() -> None:
    """Which threads ask, and which answer was accepted."""


def _library() -> None:
    """Items, shelves, files and where they come from."""


def _digests() -> None:
    """Mail that waits, digests that were sent, tokens of feeds."""


def _cases() -> None:
    """Reports as cases, appeals, rules that were accepted."""


def _console() -> None:
    """What the console shows over time."""
