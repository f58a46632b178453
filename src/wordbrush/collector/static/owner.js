// The page of who invites.

import { ask, enter } from "./asking.js";

const REFRESH = 15000; // milliseconds

const at = (id) => document.getElementById(id);

function row(link) {
  const cells = [
    link.number, "", link.language || (link.consent ? "" : "not begun"), link.submitted, link.open, "",
  ].map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  });
  if (link.token) {
    const address = document.createElement("input");
    Object.assign(address, { readOnly: true, value: `${location.origin}/#${link.token}` });
    address.ariaLabel = `Link ${link.number}`;
    address.addEventListener("focus", () => address.select());
    const close = document.createElement("button");
    Object.assign(close, { type: "button", textContent: "Close" });
    close.ariaLabel = `Close link ${link.number}`;
    close.addEventListener("click", () => change("/api/owner/close", { number: link.number }));
    cells[1].append(address);
    cells[5].append(close);
  } else {
    cells[1].textContent = "closed";
  }
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

function show(all) {
  at("all").hidden = false;
  at("progress").max = all.wanted;
  at("progress").value = all.recordings;
  at("summary").textContent = `${all.recordings} of ${all.wanted} recordings (${all.hours} hours); `
    + `${all.described} of ${all.pictures} pictures were described.`;
  at("links").replaceChildren(...all.links.map(row));
  at("status").textContent = "";
  at("status").className = "";
}

async function change(path, body) {
  try {
    show(await ask(path, body));
  } catch (error) {
    at("status").textContent = error.message;
    at("status").className = "wrong";
  }
}

at("invite").addEventListener("submit", (event) => {
  event.preventDefault();
  change("/api/owner/links", { count: Number(at("number").value) });
});
try {
  await enter();
} catch (error) {
  at("status").textContent = error.message;
}
await change("/api/owner");
setInterval(() => {
  if (!document.hidden && !at("links").contains(document.activeElement)) change("/api/owner");
}, REFRESH);
