r"""What in plain text is more than words: code, formulas, quotes and lists, as people type them.

    `code`   ```code```   $formula$   $$formula$$   \(formula\)   \[formula\]   > quote   - item   1. item

A text without these signs is paragraphs of lines, and nothing else. One dash is no list and one dollar no formula: a list
has two items at least, and between dollars nothing begins or ends with a space or stands beside a letter or a digit.
"""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["paragraph", "code", "formula", "quote", "list"]
DEPTH = 5
"""Quotes and lists within each other; deeper, the signs are text."""

_FENCE = re.compile(r" {0,3}(```+|~~~+)[ \t]*([\w+#.-]{0,30})[ \t]*")
_FENCE_END = re.compile(r"\s*(?:`{3,}+|~{3,}+)\s*")
_ITEM = re.compile(r" ?(?:([-*+])|([0-9]{1,9})[.)])[ \t]+(?=\S)")
_CONTINUED = re.compile(r"(?: {2,}|\t)\s*\S")

_INLINE = re.compile(
    r"""
      (?<!`)``(?!`)(?P<double>.{1,1000}?)(?<!`)``(?!`)
    | (?<!`)`(?!`)(?P<single>[^`]{1,1000}+)`(?!`)
    | \$\$(?!\$)(?P<wide>[^$]{1,1000}+)\$\$(?!\$)
    | (?<![\w$\\])\$(?![\s$])(?P<narrow>(?:[^$\\]|\\.){1,1000}+)(?<!\s)\$(?![\w$])
    | \\\((?P<round>(?:[^\\]|\\[^()]){1,1000}+)\\\)
    | \\\[(?P<square>(?:[^\\]|\\[^\[\]]){1,1000}+)\\\]
    """,
    re.VERBOSE,
)
_SIGNS = ("`", "$", "\\(", "\\[", "~~~")
_WIDE = frozenset({"wide", "square"})


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text. `lines` of a paragraph, of code, or the one formula; a quote has the `inner` blocks of it, a list
    those of each item; `start`: the number a list begins with, None for one without numbers."""

    kind: Kind
    lines: list[str] = field(default_factory=list)
    inner: list[list["Block"]] = field(default_factory=list)
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line: `typed` with its signs, `text` without; `block` for a formula on a line of its own."""

    kind: Literal["text", "code", "formula"]
    typed: str
    text: str
    block: bool = False


def blocks(text: str) -> list[Block]:
    """The blocks of a text, in order."""
    return _blocks([line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")], 0)


def spans(line: str) -> Iterator[Span]:
    """The parts of a line; their `typed` joined gives it again."""
    if not any(sign in line for sign in _SIGNS):
        if line:
            yield Span("text", line, line)
        return
    done = 0
    for found in _INLINE.finditer(line):
        if found.start() > done:
            yield Span("text", line[done : found.start()], line[done : found.start()])
        name = found.lastgroup or ""
        kind: Literal["code", "formula"] = "code" if name in ("double", "single") else "formula"
        text = found[name]
        yield Span(kind, found[0], text.strip() if kind == "formula" else text, name in _WIDE)
        done = found.end()
    if done < len(line):
        yield Span("text", line[done:], line[done:])


def prose(text: str) -> str:
    """`text` without code and formulas, in which nobody is mentioned and nothing is a hashtag."""
    if not any(sign in text for sign in _SIGNS):
        return text
    return "\n".join(_prose(blocks(text)))


def _prose(found: list[Block]) -> Iterator[str]:
    for block in found:
        if block.kind == "paragraph":
            for line in block.lines:
                yield "".join(span.typed if span.kind == "text" else " · " for span in spans(line))
        for inner in block.inner:
            yield from _prose(inner)


def begins_block(line: str) -> bool:
    """Whether a line may begin more than a paragraph, so that nothing can be put before it."""
    return bool(_FENCE.fullmatch(line) or _ITEM.match(line) or line.startswith((">", "$$", "\\[")))


def _blocks(lines: list[str], depth: int) -> list[Block]:
    made: list[Block] = []
    ends = [at for at, line in enumerate(lines) if _FENCE_END.fullmatch(line)]
    endless: set[str] = set()
    open_ = False  # a paragraph goes on
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            open_ = False
            at += 1
            continue
        found = _code(lines, at, ends, endless) or _formula(lines, at)
        if found is None and depth < DEPTH:
            found = _quote(lines, at, depth) or _list(lines, at, depth)
        if found is not None:
            block, at = found
            made.append(block)
            open_ = False
            continue
        if not open_:
            made.append(Block("paragraph"))
            open_ = True
        made[-1].lines.append(line)
        at += 1
    return made


def _code(lines: list[str], at: int, ends: list[int], endless: set[str]) -> tuple[Block, int] | None:
    """Code between fences; `ends` are the lines that could end some, `endless` the fences that none of these ends: what was
    sought in vain once is not further down either, and looking each time would take minutes for a long text."""
    fence = _FENCE.fullmatch(lines[at])
    if fence is None or fence[1] in endless:
        return None
    for end in ends[bisect.bisect_right(ends, at) :]:
        if lines[end].strip().startswith(fence[1]):
            return Block("code", lines[at + 1 : end]), end + 1
    endless.add(fence[1])
    return None


def _formula(lines: list[str], at: int) -> tuple[Block, int] | None:
    """A formula of several lines, or alone on one."""
    line = lines[at].strip()
    ending = {"$$": "$$", "\\[": "\\]"}.get(line[:2])
    if ending is None:
        return None
    size = 0
    for end in range(at, min(len(lines), at + 40)):
        part = lines[end].strip()
        size += len(part) + 1
        if not part or size > 1100:
            return None
        if part.endswith(ending) and (end > at or len(part) > 4):
            whole = " ".join(one.strip() for one in lines[at : end + 1])
            inside = whole[2:-2].strip()
            if not inside or "$" in inside or "\\]" in inside:
                return None
            return Block("formula", [inside, whole]), end + 1
    return None


def _quote(lines: list[str], at: int, depth: int) -> tuple[Block, int] | None:
    end = at
    while end < len(lines) and (lines[end].startswith("> ") or (lines[end] == ">" and end > at)):
        end += 1
    if end == at:
        return None
    inner = _blocks([line[2:] for line in lines[at:end]], depth + 1)
    return (Block("quote", inner=[inner]), end) if inner else None


def _list(lines: list[str], at: int, depth: int) -> tuple[Block, int] | None:
    first = _ITEM.match(lines[at])
    if first is None:
        return None
    items: list[list[str]] = []
    number = int(first[2]) if first[2] else None
    end = at
    while end < len(lines):
        found = _ITEM.match(lines[end])
        same = found is not None and found[1] == first[1]
        if same and number is not None and found is not None and int(found[2]) not in (number, number + len(items)):
            break
        if same and found is not None:
            items.append([lines[end][found.end() :]])
        elif items and _CONTINUED.match(lines[end]):
            items[-1].append(lines[end].expandtabs(4).removeprefix("  "))
        else:
            break
        end += 1
    if len(items) < 2:
        return None
    return Block("list", inner=[_blocks(item, depth + 1) for item in items], start=number), end
