// What both Node peers share: JSON-LD contexts from the disk, a control interface, and the settings from the environment.

import { readFileSync } from "node:fs";
import { URL } from "node:url";

export const port = Number(process.env.PORT);
export const origin = `http://127.0.0.1:${port}`;
/** Contexts that real servers fetch once and keep; here nothing but loopback is ever asked. */
export const contexts = JSON.parse(readFileSync(new URL("./contexts.json", import.meta.url)));

/** Answers POST /control/NAME with what `commands.NAME(body)` returns; an error comes back as its text. */
export async function control(commands, request, response) {
  const name = new URL(request.url, origin).pathname.replace("/control/", "");
  let body = "";
  for await (const chunk of request) body += chunk;
  let status = 200, answer;
  try {
    if (!Object.hasOwn(commands, name)) throw new Error(`no command ${name}`);
    answer = await commands[name](JSON.parse(body || "{}"));
  } catch (problem) {
    status = 500;
    answer = { error: problem?.stack ?? JSON.stringify(problem) };
  }
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(answer ?? null));
}
