// Exchanges the parts of the page for fresh ones each second. Everything is
// drawn by the server; without this script the page reloads itself.
"use strict";

const PERIOD = 1000;
const pause = document.getElementById("pause");
let paused = false;

function exchange(id, fresh) {
  const old = document.getElementById(id);
  const next = fresh.getElementById(id);
  for (const story of old.querySelectorAll("details[open]")) {
    const same = next.querySelector("#" + story.id);
    if (same) {
      same.open = true;
    } else {
      // It is read although newer ones have displaced it; its age is no longer known.
      story.querySelector("em")?.remove();
      next.querySelector("details:last-of-type")?.after(story);
    }
  }
  if (id === "board") next.querySelector("#pause").replaceWith(pause);
  old.replaceWith(next);
}

/** A selector of the element that has the focus, if it is about to be exchanged. */
function focused() {
  const story = document.activeElement?.closest("details");
  if (story) return `#${story.id} summary`;
  return document.activeElement === pause ? "#pause" : null;
}

async function refresh() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch("./", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A visitor who is selecting text or holding a button down is not disturbed.
      if (!paused && getSelection().isCollapsed && !document.querySelector(":active")) {
        const holder = focused();
        exchange("board", fresh);
        exchange("main", fresh);
        // Without a scroll: the focus may be far from what is being read.
        if (holder) document.querySelector(holder)?.focus({ preventScroll: true });
      }
    } catch {
      const live = document.getElementById("live");
      live.textContent = "the server does not answer";
      live.classList.add("lost");
    }
  }
  setTimeout(refresh, PERIOD);
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Resume" : "Pause";
});
setTimeout(refresh, PERIOD);
