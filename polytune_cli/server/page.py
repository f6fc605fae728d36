"""The live page of the operators' listener: one document, nothing from anywhere else. NONCE is replaced."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>polytune</title>
<style nonce="NONCE">
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
progress { width: 100%; }
.bad { color: #c22; }
</style>
</head>
<body>
<h1 id="title">polytune</h1>
<p id="line" role="status">loading</p>
<div id="runs"></div>
<h2>Ended runs</h2>
<table><thead><tr><th>run</th><th>began</th><th>took</th><th>sent</th><th>received</th><th>result</th></tr></thead>
<tbody id="history"></tbody></table>
<noscript><p>This page needs JavaScript; <a href="/status">/status</a> says the same as JSON.</p></noscript>
<script nonce="NONCE">
"use strict";
const at = id => document.getElementById(id);
function node(name, text, kind) {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
function row(...cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}
function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < 4) { count /= 1000; unit += 1; }
  return (unit ? count.toFixed(1) : count) + " " + units[unit];
}
function seconds(count) { return count < 100 ? count.toFixed(1) + " s" : Math.round(count / 60) + " min"; }
async function act(id, what) {
  const headers = {};
  for (;;) {
    const reply = await fetch("/runs/" + id + "/" + what, {method: "POST", headers});
    if (reply.status !== 401) return;
    const token = prompt("Token of the operators (POLYTUNE_ADMIN_TOKEN)");
    if (!token) return;
    headers.Authorization = "Bearer " + token;
  }
}
function button(text, id, what) {
  const made = node("button", text);
  made.addEventListener("click", () => act(id, what));
  return made;
}
function waitingPart(run) {
  const part = document.createElement("section");
  part.append(node("h2", "Run " + run.run_id));
  part.append(node("p", "Party " + run.leader + " asks to join; " + seconds(run.left_s) + " left to decide."));
  part.append(button("Approve", run.run_id, "approve"), " ", button("Refuse", run.run_id, "deny"));
  return part;
}
function runPart(run) {
  const part = document.createElement("section");
  part.append(node("h2", "Run " + run.run_id));
  const eta = run.eta_s === null ? "" : ", " + seconds(run.eta_s) + " left in this phase";
  part.append(node("p", run.state + ": " + (run.phase || "waiting") + " " + Math.round(100 * run.done) + " %, " +
    seconds(run.seconds) + " so far" + eta));
  const bar = document.createElement("progress");
  bar.value = run.done;
  part.append(bar);
  part.append(button("Cancel this run", run.run_id, "cancel"));
  const table = document.createElement("table");
  table.append(row(...["party", "last seen", "sent", "received"].map(text => node("th", text))));
  for (const peer of run.peers) {
    const seen = peer.last_seen_s === null ? "not yet" : seconds(peer.last_seen_s) + " ago";
    table.append(row(node("td", peer.party), node("td", seen, peer.reachable === false ? "bad" : ""),
      node("td", bytes(peer.sent), "n"), node("td", bytes(peer.received), "n")));
  }
  part.append(table);
  return part;
}
async function refresh() {
  let status;
  try {
    status = await (await fetch("/status")).json();
  } catch (error) {
    at("line").textContent = "no answer; is the process still running?";
    return;
  }
  const name = "party " + status.party + (status.name ? " (" + status.name + ")" : "");
  document.title = "polytune " + name;
  at("title").textContent = name + ", " + status.role;
  at("line").textContent = (status.runs.length ? status.runs.length + " under way" : "idle") +
    (status.insecure ? " \\u2013 INSECURE: plain http beyond this machine" : "");
  at("runs").replaceChildren(...status.pending.map(waitingPart), ...status.runs.map(runPart));
  at("history").replaceChildren(...status.history.map(run => row(
    node("td", run.run_id), node("td", run.started_at), node("td", seconds(run.seconds), "n"),
    node("td", bytes(run.sent), "n"), node("td", bytes(run.received), "n"),
    node("td", run.result + (run.message ? ": " + run.message : run.code ? " (" + run.code + ")" : ""),
      run.result === "done" ? "" : "bad"))));
}
refresh();
setInterval(refresh, 1000);
</script>
</body>
</html>
"""
