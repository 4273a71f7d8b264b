"use strict";
// Renews what the page shows, without a flicker and only while somebody looks; says so where nobody answers.
const everyMs = Number(document.documentElement.dataset.refreshS) * 1000;
const gone = document.getElementById("gone");
let since = null;

async function renew() {
  const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(4 * everyMs) });
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (found === null) throw new Error(`status ${answer.status}`);
  const shown = document.querySelector("main");
  if (found.innerHTML !== shown.innerHTML) shown.replaceWith(found);
}

async function look() {
  const selecting = !document.getSelection().isCollapsed;
  if (!document.hidden && !selecting) {
    try {
      await renew();
      since = null;
      gone.hidden = true;
    } catch (error) {
      since ??= new Date();
      gone.querySelector("span").textContent =
        `since ${since.toLocaleTimeString()}. It is asked again and again. Start it with: backfill dashboard`;
      gone.hidden = false;
    }
  }
  setTimeout(look, everyMs);
}

setTimeout(look, everyMs);
