"use strict";
// One record a screen. What records hold is only ever written as text (textContent).
const $ = (id) => document.getElementById(id);
const codes = new Map();  // letter -> code
for (const button of document.querySelectorAll("[data-code]")) codes.set(button.getAttribute("aria-keyshortcuts"), button.dataset.code);
const VERDICTS = { 1: "pass", 2: "fail", 3: "unsure" };
const DRAFT_MS = 600, RENEW_MS = 60000, AGAIN_MS = 5000;

let queue = [];          // records held: the one shown first, then the next, loaded ahead
let history = [];        // ids judged, oldest first
let behind = 0;          // 0: judging; n: looking at the nth last judged record
let shown = null, since = 0, defects = new Set(), busy = false, draftTimer = 0, complete = false;

async function call(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  options.headers = { "Content-Type": "application/json", "X-Orefine-Review": "1" };
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server does not answer. Nothing judged is lost; start it again and press a key."); }
  const text = await answer.text();
  let data = null;
  try { data = JSON.parse(text); } catch { data = { error: text }; }
  if (!answer.ok) throw new Error(data.error || `The server refused this (${answer.status}).`);
  if (data.progress) progress(data.progress);
  return data;
}

function progress(now) {
  $("bar").max = Math.max(1, now.of);
  $("bar").value = now.judged;
  $("count").textContent = `${now.judged} of ${now.of} · yours ${now.yours}`;
  complete = now.complete;
}

function write(place, parts) {
  place.replaceChildren(...parts.map(([text, kind]) => {
    if (!kind) return document.createTextNode(text);
    const span = document.createElement(kind === "unsupported" ? "mark" : "span");
    span.className = kind;
    span.textContent = text;
    return span;
  }));
}

function show(record) {
  shown = record;
  since = performance.now();
  const kept = record.kept || {};
  defects = new Set(kept.defects || []);
  $("note").value = kept.note || "";
  write($("text"), record.text);
  write($("source"), record.source);
  $("source-box").hidden = record.source.length === 0;
  $("record").classList.toggle("alone", record.source.length === 0);
  $("evidence").replaceChildren(...record.evidence.map((one) => {
    const line = document.createElement("li");
    line.textContent = `${one.checker}: ${one.kind} “${one.item}” ${one.state}` + (one.source ? `: “…${one.source}…”` : "");
    return line;
  }));
  $("found").hidden = record.evidence.length === 0;
  $("meta").textContent = Object.entries(record.meta).map(([name, value]) => `${name} ${value}`).join(" · ");
  for (const button of document.querySelectorAll("[data-verdict]")) button.classList.toggle("yours", button.dataset.verdict === kept.verdict);
  $("text").parentElement.querySelector("h2").textContent = behind ? `Text, as you judged it (${behind} back)` : "Text";
  marks();
  $("record").hidden = $("judge").hidden = false;
  $("end").hidden = true;
  $("record").scrollTop = 0;
  $("record").focus();
}

function marks() {
  for (const button of document.querySelectorAll("[data-code]")) button.setAttribute("aria-pressed", defects.has(button.dataset.code));
}

function finish() {
  shown = null;
  $("record").hidden = true;
  $("judge").hidden = true;
  $("end").hidden = false;
  $("publish").hidden = !complete;
  $("end-title").textContent = complete ? "Every record is judged." : "Nothing is left for you.";
  $("end-text").textContent = complete
    ? "Press Enter to publish the lot's decision, or u to take back your latest verdict."
    : "What is left is with other reviewers, or waits for a second one. This page looks again by itself.";
}

async function fill() {
  queue = (await call("api/take", { count: 2 })).records;
  behind = 0;
  if (queue.length) show(queue[0]); else finish();
}

async function judge(verdict) {
  if (!shown) return;
  clearTimeout(draftTimer);
  const seconds = (performance.now() - since) / 1000;
  await call("api/submit", { item: shown.id, verdict, defects: [...defects], note: $("note").value, seconds });
  if (behind) { await fill(); return; }
  history.push(shown.id);
  queue.shift();
  if (!queue.length) { await fill(); return; }
  show(queue[0]);  // at once, and the next key is for it, while the one after it is fetched
  call("api/take", { count: 2 }).then((taken) => {
    for (const one of taken.records) {
      const known = history.includes(one.id) || queue.some((held) => held.id === one.id);
      if (!known && queue.length === 1) queue.push(one);
    }
  }).catch((error) => say(error.message));
}

async function undo() {
  const back = await call("api/undo", {});
  if (!back.item) { say("There is nothing to take back."); return; }
  history = (await call("api/judged")).history.map((one) => one.item);
  await fill();
}

async function skip() {
  if (!shown || behind) return;
  await call("api/skip", { item: shown.id });
  await fill();
}

async function look(step) {
  const next = behind + step;
  if (next < 0 || next > history.length) return;
  if (next === 0) { await fill(); return; }
  const found = (await call(`api/judged/${encodeURIComponent(history[history.length - next])}`)).record;
  behind = next;
  show(found);
}

async function publish() {
  if (!complete || shown) return;
  const made = await call("api/decide", {});
  $("end-title").textContent = `The lot is ${made.outcome}.`;
  $("end-text").textContent = `${made.defects} defects in ${made.inspected} records, up to ${made.accept} accepted. Run the same command again to go on.`;
  $("publish").hidden = true;
  complete = false;
}

function mark(code) {
  if (!shown) return;
  if (!defects.delete(code)) defects.add(code);
  marks();
  keep();
}

function keep() {
  clearTimeout(draftTimer);
  if (!shown || behind) return;
  const draft = { item: shown.id, defects: [...defects], note: $("note").value };
  draftTimer = setTimeout(() => call("api/draft", draft).catch((error) => say(error.message)), DRAFT_MS);
}

function say(text) { $("message").textContent = text; }

async function act(what) {
  if (busy) return;  // a key held down judges one record
  busy = true;
  document.body.toggleAttribute("data-busy", true);
  say("");
  try { await what(); } catch (error) { say(error.message); }
  busy = false;
  document.body.toggleAttribute("data-busy", false);
}

const WAYS = { u: undo, s: skip, k: () => look(1), j: () => look(-1) };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if ($("help").open) { if (event.key === "?") $("help").close(); return; }
  if (event.target === $("note")) { if (event.key === "Escape" || event.key === "Enter") { event.preventDefault(); $("record").focus(); } return; }
  const key = event.key;
  if (key === "?") $("help").showModal();
  else if (event.repeat) return;
  else if (VERDICTS[key]) act(() => judge(VERDICTS[key]));
  else if (WAYS[key]) act(WAYS[key]);
  else if (key === "t" && shown) $("note").focus();
  else if (key === "Enter" && !$("end").hidden && event.target.tagName !== "BUTTON") act(publish);
  else if (codes.has(key)) mark(codes.get(key));
  else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { verdict, code, way } = button.dataset;
  if (verdict) act(() => judge(verdict));
  else if (code) mark(code);
  else if (way) act({ undo, skip, back: WAYS.k, on: WAYS.j }[way]);
  else if (button.id === "ask") $("help").showModal();
  else if (button.id === "close") $("help").close();
  else if (button.id === "publish") act(publish);
});
$("note").addEventListener("input", keep);
setInterval(() => { if (shown && !behind) call("api/draft", { item: shown.id, defects: [...defects], note: $("note").value }).catch(() => {}); }, RENEW_MS);
setInterval(() => { if (!shown && !complete && !$("end").hidden && $("end-title").textContent.startsWith("Nothing")) act(fill); }, AGAIN_MS);
act(async () => { history = (await call("api/judged")).history.map((one) => one.item); await fill(); });
