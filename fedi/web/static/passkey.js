"use strict";
// Passkeys: asks the device, puts what it answers into the form, and sends the form as any other. Without this script, or
// without a device for it, the password does. Also fills in the time zone where its field is empty.
(() => {
  for (const field of document.querySelectorAll("[data-zone]"))
    if (!field.value) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (!window.PublicKeyCredential) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  const known = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));

  async function ask(make, asked) {
    const options = { ...asked, challenge: bytes(asked.challenge) };
    if (make) {
      options.user = { ...asked.user, id: bytes(asked.user.id) };
      options.excludeCredentials = known(asked.excludeCredentials);
    } else options.allowCredentials = known(asked.allowCredentials);
    const made = await (make ? navigator.credentials.create({ publicKey: options }) : navigator.credentials.get({ publicKey: options }));
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
      if (made.response[name]) response[name] = text(made.response[name]);
    return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: {} });
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const said = form.querySelector("[role=alert]");
    form.closest("[hidden]").hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      said.textContent = "";
      try {
        const answer = await fetch(form.dataset.begin, { method: "POST", body: new URLSearchParams(new FormData(form)) });
        const told = await answer.json();
        if (!answer.ok) throw new Error(told.problem);
        const make = form.dataset.passkey === "create";
        form.elements.credential.value = await ask(make, told.options);
        form.elements.ticket.value = told.ticket;
        form.submit();
      } catch (problem) {
        // The device says why in its own words or not at all; ours are in the page.
        said.textContent = problem instanceof DOMException || problem instanceof TypeError ? form.dataset.failed : problem.message;
      }
    });
  }
})();
