// Runs the browser client in headless Chromium, one page a scenario; prints what happened in each.
// node browser-calls.js MODULES CHROMIUM SERVER SCENARIOS
// The page comes from another origin than the server, as everywhere in the world.
const fs = require('fs');
const http = require('http');
const path = require('path');
const [modules, executablePath, server, scenarios] = process.argv.slice(2);
const { chromium } = require(path.join(modules, 'playwright-core'));

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
// The library sends nothing for a browser that calls itself headless.
const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) '
  + 'Chrome/156.0.0.0 Safari/537.36';
const LIBRARY = fs.readFileSync(path.join(modules, 'mixpanel-browser/dist/mixpanel.umd.js'));
const OLD = '<script>window.XMLHttpRequest = undefined;</script>';
const page = (head) => `<!doctype html><meta charset="utf-8"><title>p</title>${head}
<script src="/library.js"></script>
<body><a id="link" href="/next">next</a>
<form id="form" action="/next"><input name="q"><button id="send">go</button></form></body>`;

const pages = http.createServer((request, response) => {
  const script = request.url.startsWith('/library.js');
  response.writeHead(200, { 'Content-Type': script ? 'text/javascript' : 'text/html' });
  if (script) response.end(LIBRARY);
  else if (request.url.startsWith('/next')) response.end('<!doctype html><title>next</title>');
  else response.end(page(request.url.includes('old') ? OLD : ''));
});

// What runs in the page: every call, each with a mark of its own. Gives what callbacks heard.
async function calls({ name, config, only, text, deaf }) {
  const heard = {};
  const waits = [];
  const lib = window.mixpanel;
  lib.init(`token-${name}`, config);
  const tell = (what, make) => {
    if (!only || only.includes(what)) make(`mark-${name}-${what}`);
  };
  const call = (what, make) => {
    if (only && !only.includes(what)) return;
    waits.push(new Promise((done) => {
      make(`mark-${name}-${what}`, (answer) => {
        heard[what] = answer && typeof answer === 'object' ? answer.status : answer;
        done();
      });
    }));
  };
  const given = { 'näme': text, list: [1, 2.5, null, { a: [] }] };
  call('track', (mark, done) => lib.track(mark, given, done));
  tell('pageview', (mark) => lib.track_pageview({ mark }));
  call('beacon', (mark, done) => lib.track(mark, given, { transport: 'sendBeacon' }, done));
  call('at_once', (mark, done) => lib.track(mark, given, { send_immediately: true }, done));
  tell('opt_in', (mark) => lib.opt_in_tracking({ track_properties: { mark } }));
  tell('alias', (mark) => lib.alias(mark, 'old'));
  lib.identify('user');
  call('set', (mark, done) => lib.people.set({ mark, ...given }, done));
  call('set_once', (mark, done) => lib.people.set_once({ first: mark }, done));
  call('unset', (mark, done) => lib.people.unset([mark], done));
  call('increment', (mark, done) => lib.people.increment(mark, 2, done));
  call('append', (mark, done) => lib.people.append('seen', mark, done));
  call('remove', (mark, done) => lib.people.remove('seen', mark, done));
  call('union', (mark, done) => lib.people.union({ tags: [mark] }, done));
  call('clear', (mark, done) => lib.people.clear_charges(done));
  tell('delete', () => lib.people.delete_user());
  if (config.with_groups) {
    const group = (mark) => lib.get_group('company', mark);
    call('group_set', (mark, done) => group(mark).set({ plan: 'pro' }, done));
    call('group_set_once', (mark, done) => group(mark).set_once({ first: 1 }, done));
    call('group_unset', (mark, done) => group(mark).unset('plan', done));
    call('group_remove', (mark, done) => group(mark).remove('tags', 'a', done));
    call('group_union', (mark, done) => group(mark).union('tags', ['a'], done));
    call('group_delete', (mark, done) => group(mark).delete(done));
    call('with_groups', (mark, done) => lib.track_with_groups(mark, {}, { company: 'c' }, done));
  }
  await Promise.race([Promise.all(waits), new Promise((done) => setTimeout(done, deaf ? 500 : 40000))]);
  return heard;
}

const queued = () => Object.entries(localStorage)
  // Beside each queue lie the keys of its lock.
  .filter(([key, value]) => key.startsWith('__mpq_') && value.startsWith('['))
  .flatMap(([, value]) => JSON.parse(value)).length;

async function until(check, seconds) {
  for (let n = 0; n < seconds * 20; n += 1) {
    if (await check()) return true;
    await new Promise((done) => setTimeout(done, 50));
  }
  return false;
}

async function run(browser, origin, scenario) {
  const context = await browser.newContext({ userAgent: USER_AGENT });
  const tab = await context.newPage();
  const result = { asked: [], answers: [], failed: [], errors: [], heard: {} };
  let pending = 0;
  const quiet = () => until(() => pending === 0, 30);
  context.on('request', (request) => {
    pending += 1;
    if (request.url().startsWith(server)) result.asked.push(request.resourceType());
  });
  context.on('requestfinished', () => { pending -= 1; });
  context.on('requestfailed', () => { pending -= 1; });
  context.on('response', (response) => {
    if (!response.url().startsWith(server)) return;
    const request = response.request();
    result.answers.push([request.method(), new URL(response.url()).pathname,
      request.resourceType(), response.status()]);
    if (response.status() === 503) process.stdout.write('refused\n');
  });
  context.on('requestfailed', (request) => {
    if (request.url().startsWith(server)) result.failed.push([request.method(), request.url()]);
  });
  tab.on('pageerror', (error) => result.errors.push(String(error)));
  await tab.goto(`${origin}/${scenario.old ? 'old' : ''}`);
  result.heard = await tab.evaluate(calls, scenario);
  if (scenario.click) {
    const mark = `mark-${scenario.name}-${scenario.click}`;
    await tab.evaluate(([what, id, event]) => window.mixpanel[what](`#${id}`, event),
      [scenario.click, scenario.id, mark]);
    await tab.click(scenario.id === 'form' ? '#send' : '#link');
    await tab.waitForURL('**/next*');
  } else if (scenario.leave) {
    await tab.goto(`${origin}/next`);
    result.kept = await tab.evaluate(queued);
  } else {
    await until(async () => (await tab.evaluate(queued)) === 0, 30);
    await quiet();
    result.queued = await tab.evaluate(queued);
  }
  await new Promise((done) => setTimeout(done, 400));
  if (scenario.again) {
    process.stdout.write('left\n');
    await tab.goto(`${origin}/`);
    await tab.evaluate(([token, config]) => window.mixpanel.init(token, config),
      [`token-${scenario.name}`, scenario.again]);
    await until(async () => (await tab.evaluate(queued)) === 0, 30);
    result.queued = await tab.evaluate(queued);
  }
  await context.close();
  return [scenario.name, result];
}

(async () => {
  await new Promise((done) => pages.listen(0, 'localhost', done));
  const origin = `http://localhost:${pages.address().port}`;
  const browser = await chromium.launch({ executablePath, headless: true, args: ARGS });
  // A few at a time: a crowd of pages is slow on a small machine.
  const waiting = JSON.parse(scenarios);
  const results = {};
  const work = async () => {
    while (waiting.length) {
      const [name, result] = await run(browser, origin, waiting.shift());
      results[name] = result;
    }
  };
  await Promise.all([work(), work(), work()]);
  await browser.close();
  pages.close();
  process.stdout.write(`${JSON.stringify(results)}\n`);
})().catch((error) => { console.error(error); process.exit(1); });
