"""The terms that this institution offers to others: what its file says (`federation.terms` in the settings), else the usual."""

from dataclasses import replace

from federation.errors import Malformed
from federation.peering.terms import Terms, check, read_terms
from fedi.context import Site
from fedi.errors import Invalid

LARGEST = 100_000
"""Characters of the file."""


def our_terms(site: Site) -> Terms:
    """The terms that we begin with; the mail address in the settings is the contact where the file names none.

    Raises Invalid when the file can't be read or says what can't be, with the field.
    """
    terms = Terms()
    file = site.config.federation.terms
    if file is not None:
        try:
            terms = read_terms(file.read_text("utf-8")[:LARGEST])
        except (OSError, UnicodeDecodeError, Malformed) as problem:
            text = problem.text if isinstance(problem, Malformed) else str(problem)
            raise Invalid(f"{file}: {text}", code="terms") from problem
    contact = site.config.contact.strip()
    if contact and terms.security_contact is None:
        terms = _with_contact(terms, contact if ":" in contact else f"mailto:{contact}")
    return terms


def _with_contact(terms: Terms, contact: str) -> Terms:
    try:
        return check(replace(terms, security_contact=contact))
    except Malformed:
        return terms
