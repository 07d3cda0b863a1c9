// What the pages do better with a script than without: forms change the page in place, the call is copied, and what is
// live is looked at again. All state is in the URL; a form or a link works without any of this.
"use strict";

let asked = 0;
const swap = async (url, options, remember) => {
  // Of several that are under way the one that was asked for last counts.
  const own = ++asked;
  document.getElementById("main").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" }, ...options });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (own !== asked) return;
    const found = next.getElementById("main");
    if (!found || !answer.headers.get("content-type")?.startsWith("text/html")) throw new Error(answer.statusText);
    const focused = document.activeElement?.id;
    document.getElementById("main").replaceWith(found);
    document.title = next.title;
    const { hash } = new URL(url, location.href);
    if (remember) history.pushState(null, "", answer.url.split("#")[0] + hash);
    prepare();
    // Who uses the keyboard goes on where they were, or at what is new.
    const wanted = document.getElementById(hash.slice(1));
    if (remember) (wanted ?? document.getElementById(focused) ?? found).focus({ preventScroll: !wanted });
  } catch (error) {
    if (own !== asked) return;
    const main = document.getElementById("main");
    main.removeAttribute("aria-busy");
    if (!remember) return;
    const told = Object.assign(document.createElement("p"), { className: "alert", role: "alert" });
    told.textContent = `That did not work: ${error.message}. Try again, or load the page anew.`;
    main.prepend(told);
  }
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-swap]")) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  if (form.method === "post") {
    swap(form.action, { method: "post", body: fields }, true);
  } else {
    // A form that is a whole row says with an empty field that it is missing.
    if (!("whole" in form.dataset)) for (const [name, value] of [...fields]) if (!value) fields.delete(name);
    swap(`${new URL(form.action).pathname}?${fields}`, undefined, true);
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  swap(link.href, undefined, true);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
});

// A file is sent in parts, each at most as large as a body may be.
document.addEventListener("change", async ({ target }) => {
  const file = target.files?.[0];
  if (!target.matches("[data-upload]") || !file) return;
  const told = target.parentElement.querySelector("[role=status]");
  const [part, id] = [Number(target.dataset.part), crypto.getRandomValues(new Uint32Array(2)).join("")];
  for (let at = 0; at === 0 || at < file.size; at += part) {
    const where = new URLSearchParams({ kind: target.dataset.upload, name: file.name, id, at, size: file.size });
    const answer = await fetch(`/ui/upload?${where}`, { method: "PUT", body: file.slice(at, at + part) }).catch((error) => error);
    // What is busy, or has taken enough for now, says when to come again with the same part.
    const pause_s = [429, 503].includes(answer.status) ? Number(answer.headers.get("retry-after")) : 0;
    if (pause_s > 0 && pause_s <= 60) {
      await new Promise((go) => setTimeout(go, 1000 * pause_s));
      at -= part;
      continue;
    }
    if (!answer.ok) {
      told.textContent = (await answer.json?.().catch(() => undefined))?.detail ?? "That did not work. Try again.";
      return;
    }
    told.textContent = `${Math.min(100, Math.round((100 * (at + part)) / Math.max(1, file.size)))} % sent`;
  }
  swap(location.href);
});

window.addEventListener("popstate", () => swap(location.href));

const prepare = () => {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
};

prepare();
// What is live says how often: every so many seconds, while somebody looks.
setInterval(() => {
  if (document.querySelector("[data-live]") && document.visibilityState === "visible" && !document.querySelector("[aria-busy]") && getSelection().isCollapsed) swap(location.href);
}, 2000);
