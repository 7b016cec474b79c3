// Exchanges the parts of the page for fresh ones each second. Everything is
// drawn by the server; without this script the page reloads itself.
"use strict";

const PERIOD = 1000;
const pause = document.getElementById("pause");
let paused = false;

function exchange(id, fresh) {
  const old = document.getElementById(id);
  const opened = [...old.querySelectorAll("details[open]")].map((story) => story.id);
  const next = fresh.getElementById(id);
  for (const story of opened) next.querySelector("#" + story)?.setAttribute("open", "");
  if (id === "board") next.querySelector("#pause").replaceWith(pause);
  old.replaceWith(next);
}

async function refresh() {
  if (!paused && !document.hidden) {
    const focused = document.activeElement === pause;
    try {
      const answer = await fetch("./", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A visitor who is reading a story or selecting text is not disturbed.
      if (!paused && getSelection().isCollapsed) {
        exchange("board", fresh);
        exchange("main", fresh);
        if (focused) pause.focus();
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
