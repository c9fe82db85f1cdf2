'use strict';
// Everything that comes from traffic goes in as text (textContent), never as markup.
const STALE_MS = 3500;
const RETRY_MS = 2000;
const $ = (id) => document.getElementById(id);
const known = { now: null, judged: null, series: null };
let heard = null; // local time of the newest message
let since = Date.now();
let paused = false;
let keys = true;
let source = null;
let outcome = null;

// ---- words -------------------------------------------------------------------------------------

const count = (n) => (n === null || n === undefined ? '–' : Math.round(n).toLocaleString('en-US'));
const percent = (x, digits = 3) => (x === null || x === undefined ? '–'
  : `${+(x * 100).toPrecision(digits)} %`);
const clock = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleTimeString('en-GB') : '–');

function ms(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  const value = seconds * 1000;
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ms`;
}

function span(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

function bytes(n) {
  if (n === null || n === undefined) return '–';
  for (const [unit, size] of [['GB', 2 ** 30], ['MB', 2 ** 20], ['kB', 2 ** 10]]) {
    if (n >= size) return `${(n / size).toFixed(n < 10 * size ? 1 : 0)} ${unit}`;
  }
  return `${n} B`;
}

const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

// ---- elements ----------------------------------------------------------------------------------

// What has not changed is not touched: a reader's selection, focus and place stay.
function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

function tone(element, ...names) {
  const kept = [...element.classList].filter((name) => !TONES.includes(name));
  const wanted = [...kept, ...names.filter(Boolean)].join(' ');
  if (element.className !== wanted) element.className = wanted;
}
const TONES = ['good', 'bad', 'warn', 'none', 'PASS', 'FAIL', 'UNDECIDED', 'INVALID'];

function make(name, className, value) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (value !== undefined) element.textContent = value;
  return element;
}

// Cells are texts, or {text, n, tone, sub, bar, label}.
function rows(body, wanted) {
  while (body.rows.length > wanted.length) body.deleteRow(-1);
  wanted.forEach((cells, place) => {
    const row = body.rows[place] || body.insertRow();
    while (row.cells.length > cells.length) row.deleteCell(-1);
    cells.forEach((given, column) => {
      const cell = row.cells[column] || row.insertCell();
      fill(cell, typeof given === 'object' && given !== null ? given : { text: given });
    });
  });
}

function fill(cell, { text: words, n, tone: colour, sub, bar, label }) {
  if (label) cell.dataset.label = label;
  const shape = `${n ? 'n' : ''} ${colour ? `tone ${colour}` : ''}`.trim();
  if (cell.className !== shape) cell.className = shape;
  if (bar !== undefined) {
    const stripe = cell.firstElementChild || cell.appendChild(make('i'));
    stripe.style.width = `${(100 * Math.min(1, Math.max(0, bar))).toFixed(2)}%`;
    return;
  }
  const told = `${words}\n${sub || ''}`;
  if (cell.dataset.told === told) return;
  cell.dataset.told = told;
  cell.replaceChildren(document.createTextNode(words));
  if (sub) cell.append(make('span', 'sub', sub));
}

function list(element, items) {
  const told = items.join('\n');
  if (element.dataset.told === told) return;
  element.dataset.told = told;
  element.replaceChildren(...items.map((item) => make('li', '', item)));
  element.hidden = !items.length;
}

// ---- charts ------------------------------------------------------------------------------------

const SVG = 'http://www.w3.org/2000/svg';
const WIDE = 300;
const HIGH = 64;
const CHARTS = [
  ['charts', 'requests a second', [['received', 'plain']], count, 'received'],
  ['charts', 'p50', [['legacy_p50', 'legacy'], ['candidate_p50', 'candidate']], ms],
  ['charts', 'p95', [['legacy_p95', 'legacy'], ['candidate_p95', 'candidate']], ms],
  ['charts', 'p99', [['legacy_p99', 'legacy'], ['candidate_p99', 'candidate']], ms],
  ['way-charts', 'how full the lane is', [['lane', 'plain']], (x) => percent(x, 2)],
  ['way-charts', 'mirrored a second', [['mirrored', 'candidate']], count],
  ['queue-charts', "taps' lag in messages", [['legacy_lag', 'legacy'], ['candidate_lag', 'candidate']], count],
].map(([place, title, lines, format]) => ({ place, title, lines, format }));

function prepare(chart) {
  const figure = make('figure', 'chart');
  const caption = make('figcaption');
  const values = make('span');
  caption.append(make('span', '', chart.title), values);
  chart.values = chart.lines.map(([, side]) => {
    const value = make('b', side === 'plain' ? '' : `${side}-ink`, '–');
    values.append(value, ' ');
    return value;
  });
  chart.svg = document.createElementNS(SVG, 'svg');
  chart.svg.setAttribute('viewBox', `0 0 ${WIDE} ${HIGH}`);
  chart.svg.setAttribute('preserveAspectRatio', 'none');
  chart.svg.setAttribute('role', 'img');
  for (const y of [1, HIGH / 2, HIGH - 1]) {
    const line = chart.svg.appendChild(document.createElementNS(SVG, 'path'));
    line.setAttribute('class', 'grid');
    line.setAttribute('d', `M0 ${y}H${WIDE}`);
  }
  chart.paths = chart.lines.map(([, side]) => {
    const path = chart.svg.appendChild(document.createElementNS(SVG, 'path'));
    path.setAttribute('class', side);
    return path;
  });
  const axis = make('div', 'axis');
  chart.from = axis.appendChild(make('span'));
  chart.top = axis.appendChild(make('span'));
  figure.append(caption, chart.svg, axis);
  $(chart.place).append(figure);
}

function nice(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

function draw(chart) {
  const { at, values } = known.series;
  const lines = chart.lines.map(([name]) => values[name] || []);
  const present = lines.flat().filter((value) => value !== null && value !== undefined);
  const top = nice(Math.max(0, ...present));
  const end = at.length ? at[at.length - 1] : 0;
  const begin = at.length ? at[0] : 0;
  const length = Math.max(60, end - begin);
  lines.forEach((line, number) => {
    let d = '';
    let on = false;
    line.forEach((value, place) => {
      if (value === null || value === undefined) { on = false; return; }
      const x = WIDE - ((end - at[place]) / length) * WIDE;
      const y = HIGH - 1 - (value / top) * (HIGH - 2);
      d += `${on ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
      on = true;
    });
    chart.paths[number].setAttribute('d', d);
    text(chart.values[number], chart.format(line.length ? line[line.length - 1] : null));
  });
  text(chart.from, `${span(length)} ago`);
  text(chart.top, `top: ${chart.format(top)}`);
  const told = chart.lines.map(([, side], n) => `${side === 'plain' ? '' : side} ${chart.values[n].textContent}`);
  chart.svg.setAttribute('aria-label', `${chart.title}: ${told.join(', ')}`);
}

// ---- the three answers -------------------------------------------------------------------------

const LEVELS = { safe: ['SAFE', 'good'], watch: ['WATCH', 'warn'], 'at risk': ['AT RISK', 'bad'], unknown: ['UNKNOWN', 'none'], waiting: ['WAITING', 'none'], ended: ['ENDED', 'none'] };

function card(id, big, why, colour) {
  const element = $(id);
  tone(element, colour);
  text(element.querySelector('.big'), big);
  text(element.querySelector('.why'), why);
  return element;
}

function clients(now) {
  const { level, why } = now.clients;
  const [word, colour] = LEVELS[level] || LEVELS.unknown;
  card('clients', word, why[0] || '', colour);
  list($('clients').querySelector('.more'), why.slice(1, 4));
}

function verdict(now, judged) {
  const told = now.verdict;
  const trouble = told.trouble || (told.stale ? `the last look was ${span(told.age)} ago` : '');
  let word = told.outcome;
  let why = '';
  let colour = told.outcome;
  if (told.state === 'waiting') {
    [word, colour, why] = ['WAITING', 'none', 'The run has not begun; this page waits for it.'];
  } else if (told.state === 'failed') {
    [word, colour, why] = ['UNKNOWN', 'none', told.why];
  } else if (word === 'UNDECIDED') {
    why = told.needs ? `${plural(told.needs, 'more distinct request', 'more distinct requests')}, if all are clean` : (judged.reasons[0] || judged.claim);
    if (told.remaining_seconds) why += `: about ${span(told.remaining_seconds)} at this rate`;
  } else {
    why = word === 'PASS' ? judged.claim : judged.reasons[0] || judged.claim;
  }
  card('verdict', word, why, colour);
  const meter = $('meter');
  meter.hidden = told.progress === null || told.state === 'waiting';
  if (!meter.hidden) {
    const share = Math.floor(100 * told.progress);
    meter.setAttribute('aria-valuenow', share);
    meter.firstElementChild.style.width = `${share}%`;
  }
  const until = told.until ? `, traffic up to ${clock(told.until)}` : '';
  const seen = `${plural(told.distinct, 'distinct request', 'distinct requests')} seen`;
  const looked = told.at && told.state !== 'waiting' ? `${seen}${until}; looked at ${clock(told.at)}` : '';
  text($('looked'), trouble || looked);
  tone($('looked'), trouble ? 'warn' : '');
  announce(now, word, why);
}

// Spoken only when the verdict changes.
function announce(now, word, why) {
  text(document.head.querySelector('title'), `${word} · ${now.run} · mixmigrate live`);
  if (outcome !== null && outcome !== word) text($('said'), `The verdict is now ${word}. ${why}`);
  outcome = word;
}

function differs(now, judged) {
  const open = judged.causes.filter((cause) => !cause.accepted);
  const accepted = judged.causes.length - open.length;
  const number = Math.max(open.length, judged.all_causes - accepted);
  if (now.verdict.state === 'waiting' || now.verdict.state === 'failed') {
    card('differs', '–', '', 'none');
  } else if (!number) {
    const compared = judged.requests.distinct || 0;
    card('differs', compared ? 'NOTHING' : '–', compared ? `in ${plural(compared, 'distinct request', 'distinct requests')}` : 'nothing was compared yet', compared ? 'good' : 'none');
  } else {
    const [first, second] = open;
    const named = first ? `${first.title} (${plural(first.requests, 'request', 'requests')})` : '';
    card('differs', plural(number, 'CAUSE', 'CAUSES'), second ? `${named}; ${second.title}` : named, 'bad');
  }
  text($('accepted'), accepted ? `and ${count(accepted)} accepted` : '');
}

// ---- sections ----------------------------------------------------------------------------------

const causeElements = new Map();

function causes(judged) {
  const home = $('cause-list');
  const focused = document.activeElement;
  const wanted = judged.causes.map((cause) => {
    const element = causeElements.get(cause.signature) || cause_element(cause);
    update_cause(element, cause);
    return element;
  });
  const signatures = new Set(judged.causes.map((cause) => cause.signature));
  for (const [signature, element] of causeElements) {
    if (!signatures.has(signature)) {
      element.remove();
      causeElements.delete(signature);
    }
  }
  wanted.forEach((element, place) => {
    if (home.children[place] !== element) home.insertBefore(element, home.children[place] || null);
  });
  if (home.contains(focused) && document.activeElement !== focused) focused.focus({ preventScroll: true });
  $('no-causes').hidden = judged.causes.length > 0;
  text($('no-causes'), judged.requests.distinct ? 'No difference was found so far.' : 'Nothing was compared yet.');
  const hidden = judged.all_causes - judged.causes.length;
  text($('more-causes'), hidden > 0 ? `And ${count(hidden)} more; mixmigrate compare writes all of them.` : '');
}

function cause_element(cause) {
  const element = make('details');
  const summary = element.appendChild(make('summary'));
  summary.append(make('b'), make('span', 'soft'));
  element.append(make('div', 'body'));
  causeElements.set(cause.signature, element);
  return element;
}

function update_cause(element, cause) {
  tone(element, cause.accepted ? 'good' : 'bad');
  const [title, share] = element.firstElementChild.children;
  text(title, cause.title);
  const accepted = cause.accepted ? 'accepted, ' : '';
  text(share, `${accepted}${plural(cause.requests, 'request', 'requests')}, ${percent(cause.share, 2)} of what differs`);
  const body = element.lastElementChild;
  const told = JSON.stringify([cause.explanation, cause.advice, cause.accepted, cause.clients, cause.example]);
  if (body.dataset.told === told) return;
  body.dataset.told = told;
  body.replaceChildren(...cause_body(cause));
}

function labelled(label, words) {
  const line = make('p');
  line.append(make('strong', '', `${label} `), words);
  return line;
}

function cause_body(cause) {
  const parts = [];
  if (cause.accepted) parts.push(labelled('Accepted.', cause.accepted));
  parts.push(labelled('Why.', cause.explanation), labelled('What to do.', cause.advice));
  if (cause.clients.length) parts.push(labelled('Who would notice.', cause.clients.join(', ')));
  const where = `${cause.endpoint} · ${cause.kind}${cause.path ? ` at ${cause.path}` : ''} · signature ${cause.signature}`;
  parts.push(make('p', 'soft small', where));
  if (!cause.example) return parts;
  const sides = make('div', 'sides');
  const marked = marks(cause.example.legacy, cause.example.candidate);
  for (const [side, number] of [['legacy', 0], ['candidate', 1]]) {
    const column = sides.appendChild(make('div'));
    column.append(make('h4', `${side}-ink`, side), marked[number]);
  }
  parts.push(sides);
  if (cause.example.request) {
    const request = make('pre', '', cause.example.request);
    request.tabIndex = 0;
    parts.push(make('h4', '', 'the request'), request);
  }
  return parts;
}

// Both texts with the part marked that lies between what they have in common at both ends.
function marks(one, other) {
  const texts = [one, other];
  if (one === null || other === null) {
    return texts.map((value) => (value === null ? make('p', 'soft', 'nothing') : make('pre', '', value)));
  }
  let front = 0;
  const most = Math.min(one.length, other.length);
  while (front < most && one[front] === other[front]) front += 1;
  let back = 0;
  while (back < most - front && one[one.length - 1 - back] === other[other.length - 1 - back]) back += 1;
  return texts.map((value) => {
    const box = make('pre');
    box.tabIndex = 0;
    box.append(value.slice(0, front), make('mark', '', value.slice(front, value.length - back)), value.slice(value.length - back));
    return box;
  });
}

function gates(judged) {
  rows($('gate-rows'), judged.gates.map((gate) => [
    { text: gate.finding, tone: gate.finding, sub: gate.advisory ? 'advice' : '' },
    { text: gate.name, sub: gate.note ? `${gate.claim}; ${gate.note}` : gate.claim },
    { text: count(gate.mismatches), n: true, label: 'against it' },
    { text: count(gate.n), n: true, sub: gate.unit, label: 'of' },
    { text: gate.bound === null ? '–' : percent(gate.bound), n: true, label: 'at most' },
    { text: percent(gate.target, 6), n: true, label: 'allowed' },
    { text: gate.needs && gate.finding === 'UNDECIDED' ? `${count(gate.needs)} clean` : '–', n: true, label: 'needs' },
  ]));
  list($('reasons'), judged.reasons);
}

const BUCKETS = {
  not_sampled: 'not sampled',
  control: 'control arm: on purpose without a copy',
  filtered: 'filtered by a rule',
  switched_off: 'mirroring was switched off',
  too_large: 'too large to be kept',
  alone: 'answered by the candidate alone',
  shed: 'shed: the lane was full',
  broken_circuit: 'kept back: the candidate was down',
  abandoned: 'abandoned at the end',
  lost: 'lost to the record with a process that was killed',
};

function ledger(now) {
  const { counts, skipped, under_way: under, unexplained, closes, known: have } = now.ledger;
  const received = counts.received || 0;
  const line = (words, n, colour) => [words, { text: count(n), n: true, tone: colour }, { bar: received ? n / received : 0 }];
  const wanted = [line('received', received)];
  if (now.ledger.earlier) wanted.push(line('of them before the run was resumed', now.ledger.earlier));
  for (const [name, n] of Object.entries(skipped)) wanted.push(line(BUCKETS[name] || name, n));
  wanted.push(line('mirrored to the other side', counts.mirrored || 0));
  wanted.push(line('answered by the candidate', counts.candidate_answered || 0));
  wanted.push(line('failed: no answer from the candidate', counts.candidate_failed || 0, counts.candidate_failed ? 'warn' : ''));
  wanted.push(line('legacy gave no answer', counts.legacy_failed || 0, counts.legacy_failed ? 'bad' : ''));
  wanted.push(line('under way', under));
  wanted.push(line('in no bucket', unexplained, closes ? '' : 'bad'));
  rows($('ledger-rows'), have ? wanted : []);
  const pill = $('closes');
  text(pill, !have ? 'not known' : closes ? 'closes' : `does not close: ${count(unexplained)}`);
  tone(pill, !have ? 'none' : closes ? 'good' : 'bad');
}

function traffic(now) {
  text($('window'), now.window ? `of the last ${span(now.window)}, as they come` : '');
  rows($('side-rows'), Object.entries(now.sides).map(([name, side]) => [
    { text: name, sub: now.hears.includes(name) ? 'clients hear it' : '' },
    ...['p50', 'p95', 'p99'].map((share) => ({ text: ms(side.latency[share]), n: true })),
    { text: count(side.in_flight), n: true },
    { text: count(side.answered), n: true },
    { text: count(side.errors), n: true, tone: side.errors ? 'warn' : '' },
    { text: count(side.failed), n: true, tone: side.failed ? 'warn' : '' },
  ]));
}

function way(now) {
  const { lane, breaker, tax } = now;
  const opened = breaker.openings ? `, opened ${plural(breaker.openings, 'time', 'times')}` : '';
  const wanted = [
    ['mirroring', { text: now.mirroring ? 'on' : 'switched off', tone: now.mirroring ? '' : 'warn', sub: now.switch.join('; ') }],
    ['lane', {
      text: `${count(lane.requests)} requests, ${bytes(lane.bytes)}`,
      sub: [
        lane.limit_requests ? `it takes ${count(lane.limit_requests)} requests or ${bytes(lane.limit_bytes)}` : '',
        lane.most_requests ? `at most there were ${count(lane.most_requests)}, and ${bytes(lane.most_bytes)}` : '',
      ].filter(Boolean).join('; '),
    }],
    ['in flight at the candidate', count(lane.in_flight)],
    ['circuit breaker', {
      text: `${breaker.state}${opened}`,
      tone: { closed: '', open: 'bad' }[breaker.state] ?? 'warn',
      sub: breaker.why ? `last opened by: ${breaker.why}` : '',
    }],
  ];
  for (const one of tax.quantiles) {
    wanted.push([`shadow tax, ${one.name}`, {
      text: `${ms(one.mirrored - one.control)} (between ${ms(one.low)} and ${ms(one.high)})`,
      tone: one.felt ? 'warn' : '',
      sub: `legacy with a copy ${ms(one.mirrored)}, without ${ms(one.control)}`,
    }]);
  }
  if (!tax.quantiles.length) {
    const { control } = tax.sizes;
    wanted.push(['shadow tax', control ? `not known yet: ${plural(control, 'request', 'requests')} in the control arm` : 'not measured: there is no control arm']);
  }
  rows($('way-rows'), wanted);
}

function queues(now) {
  rows($('queue-rows'), Object.entries(now.queues).map(([name, queue]) => [
    { text: name, sub: queue.error, tone: queue.error ? 'bad' : '' },
    { text: count(queue.read), n: true },
    { text: count(queue.lag), n: true },
    { text: queue.behind === null ? '–' : `${span(queue.behind)} ago`, n: true },
    { text: count(queue.depth), n: true },
    { text: span(queue.age), n: true },
    { text: count(queue.discarded), n: true, tone: queue.discarded ? 'bad' : '' },
  ]));
}

const LIVES = { alive: 'good', silent: 'warn', dead: 'bad', ended: '' };

function processes(now) {
  rows($('process-rows'), now.processes.map((one) => [
    { text: one.name, sub: one.error || `process ${one.pid}` },
    { text: one.life, tone: LIVES[one.life] },
    { text: one.quiet < 2 ? 'just now' : `${span(one.quiet)} ago`, n: true },
    { text: count(one.received), n: true },
    { text: span(one.stall), n: true, tone: one.stall >= 0.25 && one.life === 'alive' ? 'warn' : '' },
    { text: bytes(one.memory), n: true },
    { text: count(one.restarts), n: true, tone: one.restarts ? 'warn' : '' },
  ]));
  const hidden = now.all_processes - now.processes.length;
  list($('unreadable'), [
    ...(hidden ? [`and ${plural(hidden, 'process', 'processes')} that ended before`] : []),
    ...now.unreadable.map((one) => `${one.name} was skipped: ${one.why}`),
  ]);
}

function about(judged) {
  const wanted = [];
  for (const side of ['legacy', 'candidate']) {
    for (const [name, value] of Object.entries(judged[side])) if (value) wanted.push([`${side} ${name}`, value]);
  }
  if (judged.created) wanted.push(['run created', new Date(judged.created * 1000).toLocaleString('en-GB')]);
  if (judged.policy) wanted.push(['policy', `${judged.policy}, hash ${judged.policy_hash}`]);
  rows($('about-rows'), wanted);
  list($('notes'), judged.notes);
}

// ---- together ----------------------------------------------------------------------------------

const PHASES = { running: ['live', 'good'], waiting: ['waiting for the run', 'warn'], ended: ['ended', 'none'], abandoned: ['its processes are gone', 'bad'], broken: ['cannot be read', 'bad'] };

function render() {
  const { now, judged, series } = known;
  if (!now || !judged) return;
  text($('run'), now.run);
  const [word, colour] = PHASES[now.phase] || [now.phase, 'none'];
  text($('phase'), paused ? 'paused' : word);
  tone($('phase'), paused ? 'warn' : colour);
  $('stage').hidden = !now.stage;
  text($('stage'), `stage: ${now.stage}`);
  text($('updated'), `as of ${clock(now.at)}`);
  clients(now);
  verdict(now, judged);
  differs(now, judged);
  causes(judged);
  traffic(now);
  gates(judged);
  ledger(now);
  way(now);
  queues(now);
  processes(now);
  about(judged);
  if (series) CHARTS.forEach(draw);
}

function alarm() {
  const quiet = Date.now() - (heard || since);
  const stale = quiet > STALE_MS;
  document.body.classList.toggle('stale', stale);
  const box = $('alert');
  let words = '';
  if (stale) {
    const when = heard ? `Stale since ${clock(heard / 1000)}` : 'Not connected';
    words = `${when}: the page hears nothing from mixmigrate live, and tries again.`;
  } else if (paused) {
    words = 'Paused: what is shown stands still. Press p to go on.';
  }
  box.hidden = !words;
  text(box, words);
}

function take(kind) {
  return (event) => {
    heard = Date.now();
    const data = JSON.parse(event.data);
    known[kind] = data;
    if (kind === 'now' && known.series) append(data);
    if (kind === 'now' && !paused) render();
    alarm();
  };
}

function append(now) {
  const { at, values, most } = known.series;
  if (at.length && at[at.length - 1] >= +now.at.toFixed(1)) return; // the whole series had it already
  at.push(+now.at.toFixed(1));
  for (const [name, value] of Object.entries(now.point)) {
    values[name] = values[name] || Array(at.length - 1).fill(null);
    values[name].push(value);
  }
  if (at.length > most) {
    at.shift();
    Object.values(values).forEach((line) => line.shift());
  }
}

function connect() {
  source = new EventSource('/events');
  for (const kind of Object.keys(known)) source.addEventListener(kind, take(kind));
  // A browser tries again by itself after a lost connection, not after an answer that is an error.
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
  };
}

function pause() {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', paused);
  text($('pause-word'), paused ? 'Go on' : 'Pause');
  alarm();
  if (paused) {
    text($('phase'), 'paused');
    tone($('phase'), 'warn');
  } else {
    render();
  }
}

const SECTIONS = ['answers', 'causes', 'traffic', 'gates', 'ledger', 'way', 'queues', 'processes', 'about'];

function go(id) {
  $(id).scrollIntoView({ block: 'start' });
  $(id).focus({ preventScroll: true });
}

document.addEventListener('keydown', (event) => {
  if (!keys || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === 'p' || event.key === 'P') pause();
  else if (/^[0-8]$/.test(event.key)) go(SECTIONS[+event.key]);
  else return;
  event.preventDefault();
});
document.querySelectorAll('nav a').forEach((link) => link.addEventListener('click', (event) => {
  event.preventDefault();
  go(link.getAttribute('href').slice(1));
}));
$('pause').addEventListener('click', pause);
$('keys').addEventListener('click', () => {
  keys = !keys;
  $('keys').setAttribute('aria-pressed', keys);
  text($('keys'), keys ? 'Keys on' : 'Keys off');
});

if (location.search) history.replaceState(null, '', '/'); // a token is not left in the address
CHARTS.forEach(prepare);
setInterval(alarm, 500);
connect();
