"""What was meant, over our own API."""

from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

PATH = "/api/fedi/v1/search/spelling"


async def test_only_words_that_one_may_read_are_meant(api: Api, ada: Actor, ben: Actor) -> None:
    await api.group("closed", ada, see="members")
    await api.publish(ada, "@closed The regression of everything")
    mine, theirs = await api.token(ada), await api.token(ben)
    assert (await api.get(f"{PATH}?q=the+regresion", mine)).json == {"q": "the regression"}
    assert (await api.get(f"{PATH}?q=the+regresion", theirs)).json == {"q": None}
    assert (await api.get(f"{PATH}?q=the+regression", mine)).json == {"q": None}
    for typed, meant in (("regression%20evrything", None), ("rgeression", "regression"), ("regrassoin", "regression")):
        expected = {"q": meant} if meant else {"q": "regression everything"}
        assert (await api.get(f"{PATH}?q={typed}", mine)).json == expected
    assert (await api.get(f"{PATH}?q=reg", mine)).json == {"q": None}, "it begins a word"
    assert (await api.get(PATH, mine)).status == 422
    assert (await api.get(f"{PATH}?q=x")).status == 401
