// Looks at the live page in headless Chromium; prints what it saw as one line of JSON.
// node live-page.js MODULES CHROMIUM URL SHOTS
// Whoever runs this stops and starts the server when told so on standard output, and says "go".
const path = require('path');
const readline = require('readline');
const [modules, executablePath, url, shots] = process.argv.slice(2);
const { chromium } = require(path.join(modules, 'playwright-core'));

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function ask(word) {
  process.stdout.write(`${word}\n`);
  await lines.next();
}

const focused = () => {
  const { id, className, tagName, textContent } = document.activeElement;
  return id || `${tagName.toLowerCase()}${className ? `.${className}` : ''}: ${textContent.trim().slice(0, 30)}`;
};

// The smallest contrast (WCAG 2.2, section 1.4.3) of texts with the ground below them.
function contrasts() {
  const numbers = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = numbers(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const box = element.getBoundingClientRect();
    if (!node.textContent.trim() || !box.width || ['SCRIPT', 'STYLE'].includes(element.tagName)) continue;
    const pair = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
    found.push([(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), node.textContent.trim().slice(0, 40)]);
  }
  return found.sort((one, other) => one[0] - other[0])[0];
}

// Elements that can be seen and reach beyond the window, outside of what scrolls by itself.
const overflowing = () => [...document.querySelectorAll('body *')]
  .filter((one) => !one.closest('.scroll') && !one.closest('.skip') && one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.tagName + (one.id ? `#${one.id}` : '')).slice(0, 5);

async function looked(page, name, width, height, colorScheme) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
  if (colorScheme === 'light') await page.screenshot({ path: path.join(shots, `${name}-whole.png`), fullPage: true });
  return {
    ground: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    contrast: await page.evaluate(contrasts),
    wide: await page.evaluate(() => document.documentElement.scrollWidth),
    overflowing: await page.evaluate(overflowing),
    answers: await page.evaluate(() => Math.round(document.querySelector('#differs .why').getBoundingClientRect().bottom)),
  };
}

async function keyboard(page) {
  const order = [];
  for (let step = 0; step < 14; step += 1) {
    await page.keyboard.press('Tab');
    order.push(await page.evaluate(focused));
  }
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  const sections = [];
  for (const key of '012345678') {
    await page.keyboard.press(key);
    sections.push(await page.evaluate(focused));
  }
  await page.keyboard.press('1');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const opened = await page.evaluate(() => document.querySelector('details').open);
  const kept = await page.evaluate(focused);
  await page.waitForTimeout(1500); // several states come meanwhile
  return { order, outline, sections, opened, kept, after: await page.evaluate(focused), still: await page.evaluate(() => document.querySelector('details').open) };
}

const shown = (page) => page.textContent('#updated');

async function pausing(page) {
  await page.keyboard.press('p');
  const before = await shown(page);
  await page.waitForTimeout(1400);
  const during = await shown(page);
  const told = await page.textContent('#alert');
  await page.keyboard.press('p');
  await page.waitForFunction((old) => document.getElementById('updated').textContent !== old, before);
  await page.click('#keys');
  await page.keyboard.press('p');
  const off = await page.evaluate(() => document.getElementById('pause').getAttribute('aria-pressed'));
  await page.click('#keys');
  return { stood: before === during, told, off };
}

async function dropping(page) {
  await ask('stop');
  await page.waitForFunction(() => document.getElementById('alert').textContent.startsWith('Stale since'));
  const alert = await page.evaluate(() => document.getElementById('alert').getBoundingClientRect().top);
  await page.screenshot({ path: path.join(shots, 'stale.png') });
  await ask('start');
  await page.waitForFunction(() => document.getElementById('alert').hidden);
  return { alert, outcome: await page.textContent('#verdict .big') };
}

(async () => {
  const browser = await chromium.launch({ executablePath, args: ARGS });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const log = [];
  const asked = [];
  page.on('console', (message) => log.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => log.push(`error: ${error.message}`));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector('#verdict .big').textContent === 'WAITING');
  await ask('begin');
  await page.waitForFunction(() => document.querySelector('details'));
  const seen = {
    address: page.url(),
    title: await page.title(),
    clients: await page.textContent('#clients .big'),
    verdict: await page.textContent('#verdict .big'),
    said: await page.textContent('#said'),
    differs: await page.textContent('#differs .why'),
    example: await page.textContent('#cause-list'),
    markup: await page.evaluate(() => document.querySelectorAll('#cause-list img, #cause-list b b').length),
    lines: await page.evaluate(() => [...document.querySelectorAll('svg path.legacy')].filter((one) => one.getAttribute('d')).length),
    ledger: await page.textContent('#ledger-rows'),
    unreadable: await page.textContent('#unreadable'),
    keyboard: await keyboard(page),
    pausing: await pausing(page),
  };
  seen.light = await looked(page, 'light', 1280, 800, 'light');
  seen.dark = await looked(page, 'dark', 1280, 800, 'dark');
  seen.narrow = await looked(page, 'narrow', 390, 844, 'light');
  seen.dark_narrow = await looked(page, 'dark-narrow', 390, 844, 'dark');
  seen.log = [...log]; // before the server stops, which a browser may complain of
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  seen.dropping = await dropping(page);
  seen.asked = [...new Set(asked)];
  await browser.close();
  process.stdout.write(`${JSON.stringify(seen)}\n`);
  process.exit(0);
})().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
