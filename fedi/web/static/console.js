// The console works without this. With it the policy is checked while it is written.
"use strict";
document.querySelector(".sections [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
const editor = document.querySelector("textarea[data-check]");
const found = document.getElementById("check");
if (editor && found) {
  const lines = document.getElementById("lines");
  let timer = 0, asked = 0;
  const number = () => {
    if (!lines) return;
    const count = editor.value.split("\n").length;
    if (lines.childElementCount !== count) {
      lines.replaceChildren(...Array.from({ length: count }, (_, at) => {
        const line = document.createElement("span");
        line.textContent = at + 1;
        return line;
      }));
      mark();
    }
    lines.scrollTop = editor.scrollTop;
  };
  const mark = () => {
    for (const line of lines ? lines.children : []) line.className = "";
    for (const one of found.querySelectorAll("[data-line]")) {
      const line = lines && lines.children[Number(one.dataset.line) - 1];
      if (line) line.className = one.dataset.kind;
    }
  };
  const check = async () => {
    const turn = ++asked;
    try {
      const answer = await fetch(editor.dataset.check, { method: "POST", body: new URLSearchParams({ text: editor.value }) });
      if (!answer.ok || turn !== asked) return;
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("check");
      if (made) found.replaceChildren(...made.childNodes);
      found.dataset.state = made ? made.dataset.state : "";
      mark();
    } catch { /* offline: the button beside it asks again */ }
  };
  editor.addEventListener("input", () => { number(); clearTimeout(timer); timer = setTimeout(check, 400); });
  editor.addEventListener("scroll", number);
  found.addEventListener("click", (event) => {
    const one = event.target.closest("a[data-line]");
    if (!one) return;
    event.preventDefault();
    const before = editor.value.split("\n").slice(0, Number(one.dataset.line) - 1).join("\n").length;
    const start = before + (before ? 1 : 0);
    editor.focus();
    editor.setSelectionRange(start, editor.value.indexOf("\n", start) < 0 ? editor.value.length : editor.value.indexOf("\n", start));
    editor.scrollTop = Math.max(0, (Number(one.dataset.line) - 4) * parseFloat(getComputedStyle(editor).lineHeight));
  });
  number();
  mark();
}
