// Fetches a handful of this site's own files and draws, from the Resource
// Timing API, which fetch opened a connection and which found one open.

const one = ["robots.txt", "favicon.svg", "style.css"];
const many = ["robots.txt", "favicon.svg", "style.css", "live.js", "404.html"];
const GROUPS = [
  { name: "One after another", files: one, atOnce: false },
  { name: "Five at once", files: many, atOnce: true },
];
const TIMING_WAIT_MS = 3000;

const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const ms = (value) => `${value.toFixed(1)} ms`;
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

let fetched = 0;
let running = false;

// Said aloud, for on narrow screens the table is not laid out as one.
const ROLES = { tbody: "rowgroup", tr: "row", th: "rowheader", td: "cell" };

/** A new element with a class and a text. */
function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (ROLES[name]) made.setAttribute("role", ROLES[name]);
  made.textContent = text;
  return made;
}

/** Resolves to the timing entry of `url`, which may come a little after the body. */
function timing(url) {
  return new Promise((resolve, reject) => {
    const look = () => performance.getEntriesByName(url, "resource")[0];
    const watch = new PerformanceObserver(() => {
      if (look()) finish();
    });
    const late = setTimeout(() => finish(), TIMING_WAIT_MS);
    function finish() {
      clearTimeout(late);
      watch.disconnect();
      const entry = look();
      if (entry) resolve(entry);
      else reject(new Error("the browser kept no timing"));
    }
    watch.observe({ type: "resource", buffered: true });
    if (look()) finish();
  });
}

/** Fetches one file over the wire, reads all of it, and tells how it went. */
async function fetchOne(file) {
  fetched += 1;
  const url = new URL(`${file}?live=${fetched}`, import.meta.url).href;
  const response = await fetch(url, { cache: "no-store" });
  await response.arrayBuffer();
  const entry = await timing(url);
  const closed = /\bclose\b/i.test(response.headers.get("connection") ?? "");
  return { file, entry, opened: opened(entry), closed };
}

/** Whether this fetch opened its connection; a reused one has nothing to time. */
function opened(entry) {
  return entry.connectEnd > entry.connectStart
    || entry.connectStart > Math.max(entry.fetchStart, entry.domainLookupEnd);
}

async function fetchGroup({ files, atOnce }) {
  if (atOnce) return Promise.all(files.map(fetchOne));
  const results = [];
  for (const file of files) results.push(await fetchOne(file));
  return results;
}

/** The phases of one fetch, as [class, start, end] in the clock of the page. */
function phases({ entry, opened: isNew }) {
  const ready = isNew ? entry.connectStart : entry.requestStart;
  const list = [["wait", entry.fetchStart, ready]];
  if (isNew) {
    list.push(["open", entry.connectStart, entry.connectEnd]);
    list.push(["wait", entry.connectEnd, entry.requestStart]);
  }
  list.push(["think", entry.requestStart, entry.responseStart]);
  list.push(["read", entry.responseStart, entry.responseEnd]);
  return list;
}

function row(result, from, span) {
  const { file, entry } = result;
  const line = element("tr", result.opened ? "opened" : "reused");
  const name = element("th", "", file);
  name.scope = "row";
  const how = element("td", "how", result.opened ? "opened" : "reused");
  if (result.opened) how.append(element("span", "", `, ${ms(entry.connectEnd - entry.connectStart)}`));

  const track = element("span", "track");
  for (const [kind, start, end] of phases(result)) {
    if (kind === "wait" && end <= start) continue;
    const bar = element("i", kind);
    bar.style.left = `${((start - from) / span) * 100}%`;
    bar.style.width = `${(Math.max(0, end - start) / span) * 100}%`;
    track.append(bar);
  }
  const cell = element("td", "line");
  cell.setAttribute("aria-hidden", "true");
  cell.append(track);

  line.append(name, how, cell,
    element("td", "num", ms(entry.responseEnd - entry.fetchStart)));
  return line;
}

function draw(groups) {
  const entries = groups.flat().map((result) => result.entry);
  const from = Math.min(...entries.map((entry) => entry.fetchStart));
  const to = Math.max(...entries.map((entry) => entry.responseEnd));
  const span = Math.max(to - from, 0.1);
  const table = byId("live-table");
  for (const body of [...table.tBodies]) body.remove();
  groups.forEach((results, index) => {
    const body = element("tbody");
    const head = element("tr", "group");
    const title = element("th", "", GROUPS[index].name);
    title.scope = "rowgroup";
    title.colSpan = 4;
    head.append(title);
    body.append(head, ...results.map((result) => row(result, from, span)));
    table.append(body);
  });
  byId("live-end").textContent = ms(span);
}

/** What the run shows, in words. */
function explain(results, openedCount) {
  const protocols = new Set(results.map((result) => result.entry.nextHopProtocol));
  const [protocol] = protocols.size === 1 ? protocols : [""];
  const over = protocol ? `All of it over ${protocol}. ` : "";
  if (results.every((result) => result.closed)) {
    return `${over}The server closed each connection after its answer. Where a line still says reused, the browser had opened a connection ahead of its need.`;
  }
  if (openedCount === 0) {
    return `${over}Every fetch found a connection open, left by this page or by an earlier run. Once they have been idle for too long and are closed, they have to be opened anew.`;
  }
  return `${over}The connections opened now are kept as well. Fetch again: there may be nothing left to open.`;
}

async function run() {
  if (running) return;
  running = true;
  const button = byId("live-run");
  button.setAttribute("aria-disabled", "true");
  root.dataset.live = "running";
  try {
    performance.clearResourceTimings();
    const groups = [];
    for (const group of GROUPS) groups.push(await fetchGroup(group));
    draw(groups);
    const all = groups.flat();
    const openedCount = all.filter((result) => result.opened).length;
    const reusedCount = all.length - openedCount;
    byId("live-sum").textContent = `${count(all.length, "request")}: ${count(openedCount, "connection")} opened, ${reusedCount} reused`;
    byId("live-more").textContent = explain(all, openedCount);
    root.dataset.opened = openedCount;
    root.dataset.reused = reusedCount;
    root.dataset.live = "done";
  } catch (error) {
    byId("live-sum").textContent = "This run failed. Is the server still there?";
    byId("live-more").textContent = String(error.message ?? error);
    root.dataset.live = "failed";
  } finally {
    button.removeAttribute("aria-disabled");
    running = false;
  }
}

byId("live-app").hidden = false;
byId("live-run").addEventListener("click", run);
if (document.readyState === "complete") run();
else addEventListener("load", run, { once: true });
