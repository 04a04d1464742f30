import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#ddd, #3a3a3a); --soft: light-dark(#666, #999);
  --good: light-dark(#1a7f37, #4ac26b); --bad: light-dark(#cf222e, #ff7b72); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 48rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { color: var(--soft); margin: .25rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { border-top: 1px solid var(--line); padding: .3rem .5rem .3rem 0; text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: normal; white-space: nowrap; width: 12rem; }
td, th { overflow-wrap: anywhere; }
td.number { font-variant-numeric: tabular-nums; text-align: right; }
.good { color: var(--good); } .bad { color: var(--bad); }
`;

/** Fills the tables from api/state. Names come from the wire, so they are only ever set as text. */
const SCRIPT = `
const at = (id) => document.getElementById(id);
function cell(kind, value) {
  const node = document.createElement(kind);
  for (const part of [value].flat()) node.append(part);
  return node;
}
function fill(id, rows) {
  at(id).replaceChildren(...rows.map((cells) => {
    const row = document.createElement('tr');
    row.append(...cells.map((value, i) => cell(i === 0 ? 'th' : 'td', value)));
    return row;
  }));
}
function word(text, good) {
  const node = document.createElement('span');
  node.textContent = text;
  node.className = good ? 'good' : 'bad';
  return node;
}
function duration(seconds) {
  const s = Math.floor(seconds), d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  return d ? d + ' d ' + h + ' h' : h ? h + ' h ' + m + ' min' : m ? m + ' min ' + (s % 60) + ' s' : s + ' s';
}
function upstream({ address, up }) {
  const node = document.createElement('div');
  node.append(address + ' ', up === null ? 'not tried yet' : up ? word('up', true) : word('down', false));
  return node;
}
function show(state) {
  const count = (n) => n.toLocaleString('en');
  fill('state', [
    ['version', state.version],
    ['uptime', duration(state.uptime)],
    ['apps connect to', state.listen],
    ['upstream', state.upstreams.map(upstream)],
    ['connections', count(state.connections)],
    ['channels', count(state.channels)],
    ['messages published', count(state.messages.published)],
    ['messages delivered', count(state.messages.delivered)],
    ['observing', state.bypass ? word('bypassed: new connections are plain pipes', false) : word('yes', true)],
  ]);
  fill('loss', state.lossRates.map((l) => [
    name(l.topic), name(l.pipeline), l.side, word((l.rate * 100).toFixed(2) + ' %', l.rate === 0),
  ]));
  at('no-loss').hidden = state.lossRates.length > 0;
  fill('faults', state.faults.map((f) => [
    f.type, name(f.match), +(f.toxicity * 100).toPrecision(6) + ' %', f.secondsLeft === null ? 'no end' : duration(f.secondsLeft) + ' left',
  ]));
  at('no-faults').hidden = state.faults.length > 0;
  fill('limits', state.limits.map((l) => [l.name, count(l.count)]));
  at('no-limits').hidden = state.limits.length > 0;
}
/** Control and formatting characters made visible: a name must not turn round what stands beside it. */
function name(text) {
  return text.replace(/[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]/gu, (c) => '<U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '>');
}
function showLosses({ losses, total, dropped }) {
  fill('losses', losses.map((l) => [
    l.time, word(l.reason, false), l.side, name(l.topic),
    name([l.exchange, l.routingKey, l.queue].filter((part) => part !== '').join(' → ')), name(l.connectionName),
  ]));
  at('no-losses').hidden = total > 0;
  at('losses-kept').hidden = total === 0;
  at('losses-kept').textContent = total.toLocaleString('en') + ' since start, the newest ' +
    (total - dropped).toLocaleString('en') + ' at ';
  at('losses-kept').append(link('api/losses'));
}
function showMap({ nodes, edges }) {
  const names = new Map(nodes.map((node) => [node.id, node.kind + ' ' + (node.name || '(no name)')]));
  edges.sort((a, b) => b.rate - a.rate || b.messages - a.messages);
  fill('map', edges.slice(0, 20).map((e) => [
    e.kind, name(names.get(e.source) + ' → ' + names.get(e.target)), name(e.vhost),
    e.messages.toLocaleString('en') + (e.lost > 0 ? ', lost ' + e.lost.toLocaleString('en') : ''),
    e.rate.toFixed(1) + ' /s',
  ]));
  at('no-map').hidden = edges.length > 0;
  at('map-more').hidden = edges.length === 0;
  at('map-more').textContent = edges.length.toLocaleString('en') + ' in all, at ';
  at('map-more').append(link('api/topology'));
}
function link(path) {
  const node = document.createElement('a');
  node.href = path;
  node.append('/' + path);
  return node;
}
async function ask(path) {
  const answer = await fetch(path, { credentials: 'same-origin' });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}
async function refresh() {
  try {
    show(await ask('api/state'));
    showLosses(await ask('api/losses?limit=5'));
    showMap(await ask('api/topology'));
    at('trouble').textContent = '';
  } catch (error) {
    at('trouble').textContent = 'not refreshed: ' + error.message;
  }
  setTimeout(refresh, 2000);
}
refresh();
`;

const ENDPOINTS = [
  ['metrics', 'Prometheus text, or OpenMetrics with exemplars when asked for'],
  ['livez', 'the process serves'],
  ['readyz', 'apps may connect; with ?upstream=1 the broker answers too'],
  ['api/state', 'this page as JSON'],
  [
    'api/losses',
    'messages definitely lost, newest first; parameters topic, reason, side, since, until (ISO 8601 or seconds since the epoch), limit',
  ],
  [
    'api/topology',
    'the service map: apps, exchanges and queues with messages, losses, rate and last use; parameters pipeline, vhost',
  ],
];

/** One page, no script or style from elsewhere. Links are relative: it may be served under a prefix. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tracehare</title>
<style>${STYLE}</style>
<h1>Tracehare</h1>
<p>Observability sidecar for RabbitMQ <span id="trouble" class="bad" role="status"></span></p>
<noscript><p>This page needs scripts; the same figures are at <a href="api/state">api/state</a>.</p></noscript>
<h2>State</h2>
<table><tbody id="state"></tbody></table>
<h2>Loss rate of the last 60 seconds</h2>
<table><tbody id="loss"></tbody></table>
<p id="no-loss">No message reached its outcome in the last 60 seconds.</p>
<h2>Newest losses</h2>
<table><tbody id="losses"></tbody></table>
<p id="no-losses">None since start.</p>
<p id="losses-kept" hidden></p>
<h2>Who talks to whom, busiest first</h2>
<table><tbody id="map"></tbody></table>
<p id="no-map">No message has passed.</p>
<p id="map-more" hidden></p>
<h2>Faults in force</h2>
<table><tbody id="faults"></tbody></table>
<p id="no-faults">None.</p>
<h2>Limits that bit</h2>
<table><tbody id="limits"></tbody></table>
<p id="no-limits">None.</p>
<h2>Endpoints</h2>
<table><tbody>
${ENDPOINTS.map(([path, meaning]) => `<tr><th><a href="${path}">/${path}</a></th><td>${meaning}</td></tr>`).join('\n')}
</tbody></table>
<script>${SCRIPT}</script>
</html>
`;

/** Nothing but this very script and style runs on the page, and it talks to its own server only. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src ${hash(STYLE)}`,
  `script-src ${hash(SCRIPT)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
