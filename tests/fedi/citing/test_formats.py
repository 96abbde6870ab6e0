"""Identifiers, BibTeX, RIS and CSL-JSON: what is read, that what we write is read as the same, and that hostile text ends soon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedi.citing import answers, bibtex, csl, identifiers, licences, pasted, ris
from fedi.citing.works import Name, Work, citation
from tests.work import lines

PAPER = Work(
    title="Gamification in the Classroom: 100 % {better} & more_or_less",
    kind="article-journal",
    authors=(Name("Hanus", "Michael D."), Name("Ó Brien-Müller", "Jesse"), Name("The {Many} & Co")),
    year=2015,
    month=1,
    venue="Computers & Education",
    volume="80",
    issue="3",
    pages="152–161",
    publisher="Elsevier",
    doi="10.1016/j.compedu.2014.08.019",
    arxiv="1706.03762",
    isbn="9783161484100",
    url="https://example.org/a_{b}",
    licence="CC-BY-4.0",
    language="en",
    retracted=True,
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("10.1016/J.Compedu.2014.08.019", "doi:10.1016/j.compedu.2014.08.019"),
        ("https://dx.doi.org/10.1000/182", "doi:10.1000/182"),
        ("doi:10.1000/(sici)1(2)3.", "doi:10.1000/(sici)1(2)3"),
        ("https://doi.org/10.1000%2F182", "doi:10.1000/182"),
        ("arXiv:1706.03762v5", "arxiv:1706.03762"),
        ("https://arxiv.org/pdf/1706.03762v2.pdf", "arxiv:1706.03762"),
        ("math.GT/0309136", "arxiv:math.GT/0309136"),
        ("ISBN 978-3-16-148410-0", "isbn:9783161484100"),
        ("0-306-40615-2", "isbn:9780306406157"),
        ("978-3-16-148410-1", None),
        ("11.1000/182", None),
        ("hello", None),
    ],
)
def test_an_identifier_is_written_in_one_way(text: str, key: str | None) -> None:
    found = identifiers.of(text)
    assert (found.key if found is not None else None) == key


def test_the_first_work_that_a_text_names_is_found() -> None:
    for text, key in (
        ("Have you read (https://doi.org/10.1000/182)?", "doi:10.1000/182"),
        ("see doi: 10.1000/ABC, and ISBN 978-3-16-148410-0", "doi:10.1000/abc"),
        ("arXiv:1706.03762v5 is a classic", "arxiv:1706.03762"),
        ("page 10.5 of https://example.org/10.1000/182", None),
        ("ISBN 978-3-16-148410-1 has a wrong digit", None),
    ):
        found = identifiers.first(text)
        assert (found.key if found is not None else None) == key, text


def test_what_is_written_is_read_as_the_same() -> None:
    assert csl.read(csl.write(PAPER)) == PAPER
    [back] = bibtex.read(bibtex.write([PAPER]))
    assert back.authors[:2] == PAPER.authors[:2]
    assert (back.year, back.month, back.venue, back.pages, back.doi, back.licence) == (
        2015, 1, PAPER.venue, PAPER.pages, PAPER.doi, PAPER.licence,
    )  # fmt: skip
    assert "100 % (better) & more_or_less" in back.title
    assert len(bibtex.read(bibtex.write([PAPER, PAPER]))) == 2
    keys = [line for line in bibtex.write([PAPER, PAPER]).splitlines() if line.startswith("@")]
    assert len(set(keys)) == 2


@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_any_text_survives_being_written(title: str, family: str, venue: str) -> None:
    work = csl.read({"title": f"x{title}", "author": [{"family": family}], "container-title": venue})
    assert work is not None
    assert csl.read(csl.write(work)) == work
    written = bibtex.write([work])
    assert len(bibtex.read(written + bibtex.write([PAPER]))) == 2, written


def test_bibtex_as_people_paste_it() -> None:
    [work] = bibtex.read(
        r"""% a comment
        @string{ce = "Computers \& Education"}
        @Article{hanus2015, title = "{Assessing} the Effects of G\"odel's {G}ames", author={Erd{\H{o}}s, Paul and Knuth, Donald E.},
          journal = ce # { (online)}, year = 2015, month = feb, pages={1--9}, doi={https://doi.org/10.1000/182},
        }"""
    )
    assert work.title == "Assessing the Effects of Gödel's Games"
    assert [one.whole for one in work.authors] == ["Paul Erdős", "Donald E. Knuth"]
    assert (work.venue, work.year, work.month, work.pages) == ("Computers & Education (online)", 2015, 2, "1–9")
    assert (work.doi, work.kind) == ("10.1000/182", "article-journal")


def test_ris_as_publishers_export_it() -> None:
    text = "TY  - JOUR\r\nAU  - Hanus, Michael D.\r\nAU  - Fox, Jesse\r\nTI  - Games\r\nJO  - CE\r\nPY  - 2015/01//\r\n"
    [work] = ris.read(text + "SP  - 1\r\nEP  - 9\r\nDO  - 10.1000/182\r\nER  - \r\n")
    assert (work.by, work.year, work.pages, work.doi, work.venue) == ("Hanus & Fox", 2015, "1–9", "10.1000/182", "CE")
    assert len(ris.read(text)) == 1  # without its end


def test_what_crossref_answers() -> None:
    work = csl.read(
        {
            "type": "journal-article",
            "title": "RETRACTED: A <i>study</i>",
            "author": [{"family": "Hanus", "given": "M."}, {"name": "A Group"}, 7],
            "issued": {"date-parts": [[2015, 1]]},
            "container-title": "CE",
            "license": [{"URL": "https://tdm"}, {"URL": "http://creativecommons.org/licenses/by/4.0/", "content-version": "vor"}],
            "DOI": "10.1000/ABC",
            "volume": 80,
        }
    )  # fmt: skip
    assert work is not None
    assert (work.title, work.kind, work.licence, work.doi, work.volume) == (
        "RETRACTED: A study", "article-journal", "CC-BY-4.0", "10.1000/abc", "80",
    )  # fmt: skip
    assert work.retracted
    updated = csl.read({"title": "A study", "updated-by": [{"type": "retraction", "DOI": "10.1/2"}]})
    assert updated is not None
    assert updated.retracted


def test_what_arxiv_and_a_catalogue_answer() -> None:
    feed = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><feed><title>query</title><entry>
    <title>Attention Is All\n You Need &amp; more</title><published>2017-06-12T17:57:34Z</published>
    <author><name>Ashish Vaswani</name></author><author><name>Noam Shazeer</name></author><summary>&y;</summary>
    <link rel="license" href="http://creativecommons.org/licenses/by/4.0/"/></entry></feed>"""
    work = answers.read_arxiv(feed, "1706.03762")
    assert work is not None
    assert (work.title, work.year, work.by) == ("Attention Is All You Need & more", 2017, "Vaswani & Shazeer")
    assert (work.licence, work.abstract) == ("CC-BY-4.0", "&y;")
    book = {"ISBN:9783161484100": {"title": "Games", "authors": [{"name": "Jane Doe"}], "publish_date": "May 1999"}}
    found = answers.read_book(book, "9783161484100")
    assert found is not None
    assert (found.by, found.year, found.isbn) == ("Doe", 1999, "9783161484100")
    assert answers.read_book({}, "9783161484100") is None
    assert answers.read_arxiv("<feed></feed>", "1706.03762") is None


def test_a_citation_is_a_line_of_a_list_of_references() -> None:
    assert citation(PAPER).startswith("Hanus, M. D., Ó Brien-Müller, J., & The {Many} & Co (2015). Gamification")
    assert citation(PAPER).endswith(
        "Computers & Education, 80(3), 152–161. Elsevier. https://doi.org/10.1016/j.compedu.2014.08.019"
    )
    assert citation(Work("Alone")) == "Alone. (n.d.)."


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("http://creativecommons.org/licenses/by-nc-nd/4.0/legalcode", "CC-BY-NC-ND-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("cc by-sa", "CC-BY-SA-4.0"),
        ("mit", "MIT"),
        ("All rights reserved", ""),
        ("http://arxiv.org/licenses/nonexclusive-distrib/1.0/", ""),
    ],
)
def test_licences_have_their_spdx_names(said: str, name: str) -> None:
    assert licences.named(said) == name


HOSTILE = [
    "@article{x, title = " + "{" * 200_000,
    "@article{x, title = {" + "a" * 200_000,
    "@" * 200_000,
    "@article{" * 20_000,
    "@article{x, author = {" + " " * 190_000 + "and",
    "@article{x, author = {" + "a and " * 30_000 + "}, title={x}}",
    "@article{x, title = " + "x # " * 50_000,
    "@article{x, title = {" + "\\'" * 90_000 + "}}",
    '@article{x, title = "' + '\\"{' * 60_000,
    "TY  - JOUR\n" + "AU  - " + "a" * 190_000,
    "TY  - JOUR\n" * 20_000,
    "[" * 200_000,
    '[{"title":' * 20_000,
    "doi:10.1000/" + "(" * 190_000,
    "isbn " * 40_000,
    "ISBN " + "9-" * 90_000,
    "arxiv:" * 30_000,
    # Each word of two letters stands for 20,000.
    "@string{s={" + r"\'a" * 6_600 + "}}" + 4 * ("@misc{k," + ",".join(f"f{at}=s" for at in range(99)) + "}"),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_takes_bounded_work(text: str) -> None:
    assert lines(lambda: pasted.read(text)) <= 15 * len(text)
