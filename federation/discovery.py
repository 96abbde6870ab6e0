"""Discovery: the actor behind a handle (WebFinger), and what a host runs (NodeInfo), as other servers say it.

What they say is read by `federation.webfinger` and `federation.nodeinfo`; here they are asked, and held to it.
"""

from urllib.parse import quote

from federation.client import Client
from federation.errors import AddressForbidden, Unreachable, WrongOrigin
from federation.fields import Json, as_objects
from federation.hosts import hostname_of, same_origin, web_url
from federation.nodeinfo import APPLICATION, NodeInfo, read_index, read_nodeinfo
from federation.vocabulary.actor import ActorDocument, handle_host
from federation.webfinger import JRD, WebfingerAnswer, read_answer, split_handle


async def webfinger(client: Client, handle: str) -> WebfingerAnswer:
    """The actor behind a handle (`@user@host`, `acct:user@host`).

    When the host names another handle as subject, that handle's own host is asked and must name the same actor:
    otherwise anybody could claim any handle. The actor's document is still to be fetched by the caller, who compares
    its id. Raises Malformed for what is no handle, WrongOrigin for a false claim, and as `Client.get_document`.
    """
    username, host = split_handle(handle)
    answer = await _ask_webfinger(client, username, host)
    if _same_handle(answer.subject, f"{username}@{host}"):
        return answer
    other, its_host = split_handle(answer.subject)
    if its_host != host:
        await client.led_to(its_host)
    second = await _ask_webfinger(client, other, its_host)
    if not _same_handle(second.subject, answer.subject) or second.actor_iri != answer.actor_iri:
        raise WrongOrigin(f"{host} claims {answer.subject[:200]}, which says otherwise", code="webfinger-mismatch")
    return second


async def handle_of(client: Client, actor: ActorDocument) -> str:
    """The handle `user@host` under which an actor is known, confirmed by the host of the handle.

    Raises WrongOrigin when that host names another actor, and as `webfinger`.
    """
    answer = await webfinger(client, f"{actor.username}@{handle_host(actor)}")
    if answer.actor_iri != actor.id:
        raise WrongOrigin(f"{answer.subject[:200]} is not {actor.id[:200]}", code="webfinger-mismatch")
    return answer.subject


async def _ask_webfinger(client: Client, username: str, host: str) -> WebfingerAnswer:
    resource = quote(f"acct:{username}@{host}", safe=":@")
    document = await _at_host(client, host, f"/.well-known/webfinger?resource={resource}", f"{JRD}, application/json")
    return read_answer(document[0])


async def nodeinfo(client: Client, host: str) -> NodeInfo:
    """What software a host runs. Raises Malformed or WrongOrigin for a useless answer, and as `Client.get_document`."""
    index, origin = await _at_host(client, host, "/.well-known/nodeinfo", "application/json")
    return read_nodeinfo(await client.get_json(read_index(index, origin)))


async def instance_actor(client: Client, host: str) -> str | None:
    """The IRI of the actor that speaks for a host, as its NodeInfo names it (FEP-2677); None when it names none of its own.

    Raises as `Client.get_document`.
    """
    index, origin = await _at_host(client, host, "/.well-known/nodeinfo", "application/json")
    for link in as_objects(index.get("links")):
        href = web_url(link.get("href"))
        if link.get("rel") == APPLICATION and href is not None and same_origin(href, origin):
            return href
    return None


async def _at_host(client: Client, host: str, path: str, accept: str) -> tuple[Json, str]:
    """The JSON at a path of a host, and the origin that was asked: https, or http too on allowed private networks."""
    url = f"https://{host}"
    if not client.networks.private:
        return await client.get_json(url + path, accept), url
    name = hostname_of(host)
    local = ":" in host or name == "localhost" or name.endswith(".localhost") or client.networks.is_private(name)
    first, second = (f"http://{host}", url) if local else (url, f"http://{host}")
    try:
        return await client.get_json(first + path, accept), first
    except Unreachable as problem:
        try:
            return await client.get_json(second + path, accept), second
        except (Unreachable, AddressForbidden):
            raise problem from None


def _same_handle(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
