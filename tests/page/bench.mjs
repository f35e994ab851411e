// A server and a browser for the tests of the page.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    csm: { type: 'string' },  // the program
    url: { type: 'string' },  // of a server that runs already, instead
    modules: { type: 'string', default: 'build/node' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    screens: { type: 'string', default: 'page-screens' },
  },
});

/** A module that scripts/setup --browser installed. */
function load(name) {
  const require = createRequire(path.resolve(options.modules, 'none.js'));
  return require(name);
}

/** Starts a server and a browser for the tests of a file.
 * @param more  arguments of the server
 * @param env   variables of its environment
 * @returns a function that adds a test on a page of its own */
export function startBench(more = [], env = {}) {
  const server = new Server();
  let browser;
  before(async () => {
    await server.start(more, env);
    browser = await load('playwright-core').chromium.launch({
      executablePath: options.chromium,
      args: ['--no-sandbox'],  // tests run as root, too
    });
  });
  after(async () => {
    await browser?.close();
    await server.stop();
  });
  return (name, settings, body) => test(name, async () => {
    const there = await Visit.begin(browser, server, settings);
    try {
      await body(there, there.page);
      assert.deepEqual(there.problems, []);
    } finally {
      await there.context.close();
    }
  });
}

/** `csm serve --demo` on a port that is free. */
class Server {
  #process = null;
  url = options.url;

  async start(more, env) {
    if (this.url !== undefined) return;
    this.#process = spawn(options.csm,
                          ['serve', '--demo', '--port', '0', ...more],
                          { stdio: ['ignore', 'ignore', 'pipe'],
                            env: { ...process.env, ...env } });
    let log = '';
    this.url = await new Promise((resolve, reject) => {
      this.#process.stderr.on('data', (text) => {
        log += text;
        const found = /http:\/\/[\d.]+:\d+/.exec(log);
        if (found) resolve(`${found[0]}/`);
      });
      this.#process.on('exit', () => reject(new Error(`no server: ${log}`)));
    });
    while (!(await fetch(`${this.url}ready`)).ok) await sleep(50);
  }

  async stop() {
    if (this.#process === null) return;
    const ended = new Promise((resolve) => {
      this.#process.once('exit', resolve);
    });
    this.#process.kill('SIGTERM');
    await ended;
  }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A page of its own: with an eye on everything that it must not do. */
class Visit {
  problems = [];

  /** @param allow  errors on the console that are meant to be there */
  static async begin(browser, server, { allow = /^$/, ...context } = {}) {
    const visit = new Visit();
    visit.url = server.url;
    visit.context = await browser.newContext(context);
    const page = await visit.context.newPage();
    visit.page = page;
    page.setDefaultTimeout(180_000);
    page.on('console', (message) => {
      const text = message.text();
      if (['error', 'warning'].includes(message.type()) && !allow.test(text)) {
        visit.problems.push(`console: ${text}`);
      }
    });
    page.on('pageerror', (error) => visit.problems.push(`${error.stack}`));
    page.on('request', (request) => visit.#checkRequest(request.url()));
    page.on('websocket', (socket) => visit.#checkRequest(
        socket.url().replace(/^ws/, 'http')));
    return visit;
  }

  #checkRequest(url) {
    if (!url.startsWith(this.url) && !url.startsWith('blob:')) {
      this.problems.push(`request of ${url}`);
    }
  }

  async open() {
    await this.page.goto(this.url);
    await this.page.waitForSelector('#status[data-state=ready]');
  }


  text(selector) {
    return this.page.textContent(selector);
  }

  /** Waits until the stage says so. */
  async state(...texts) {
    await this.page.waitForFunction(
        (wanted) => wanted.includes(
            document.querySelector('#stage-state').textContent), texts);
  }

  /** Waits until so many seconds of the present speech were heard. */
  async played(seconds) {
    // The number of the speech before stands until this one begins.
    await this.page.waitForFunction(
        (wanted) => !(parseFloat(document.querySelector('#fact-played')
            .textContent) > wanted), seconds);
    await this.page.waitForFunction(
        (wanted) => document.querySelector('#stage-state').textContent !==
                'Played to the end' &&
            parseFloat(document.querySelector('#fact-played').textContent)
                > wanted, seconds);
  }

  async speak(text, settings = {}) {
    await this.page.evaluate(() => {
      document.querySelector('#settings').open = true;
    });
    await this.page.fill('#text', text);
    for (const [id, value] of Object.entries(settings)) {
      await this.page.fill(`#${id}`, String(value));
    }
    if ('seed' in settings) await this.page.uncheck('#new-seed');
    await this.page.click('#speak');
  }

  /** Bytes of what the button of an entry of the history downloads. */
  async download(button, entry = 0) {
    const waiting = this.page.waitForEvent('download');
    await this.page.locator('#history li').nth(entry)
        .getByText(button, { exact: true }).click();
    const download = await waiting;
    assert.match(download.suggestedFilename(), /^csm-\d\d\.(wav|json)$/);
    return fs.readFileSync(await download.path());
  }

  async receipt(entry = 0) {
    return JSON.parse((await this.download('Save receipt', entry)).toString());
  }

  /** What breaks the rules of accessibility on the page as it is now. */
  async violations() {
    await this.page.evaluate(load('axe-core').source);
    const { violations } = await this.page.evaluate(() => window.axe.run());
    return violations.map(({ id, nodes }) => [
      id, ...nodes.map((node) => `${node.html} ${node.failureSummary}`)]);
  }

  /** How far the page can be scrolled sideways. */
  sideways() {
    return this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth - clientWidth;
    });
  }

  /** Keeps a picture for people to look at. */
  async picture(name) {
    fs.mkdirSync(options.screens, { recursive: true });
    await this.page.screenshot({
      path: path.join(options.screens, `${name}.png`), fullPage: true,
    });
  }

  /** Speaks over HTTP.
   * @param more  of fetch's settings and headers */
  post(body, { headers = {}, ...more } = {}) {
    return fetch(`${this.url}v1/audio/speech`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body), ...more,
    });
  }

  /** Records what goes to the loudspeaker from now on; before open(), and with
   * bypassCSP, as the page's policy allows no such tap. */
  async record() {
    await this.page.addInitScript(() => {
      window.heard = [];
      const tap = `class Tap extends AudioWorkletProcessor {
        process([input]) {
          if (input.length > 0) this.port.postMessage(input[0].slice());
          return true;
        }
      }
      registerProcessor('tap', Tap);`;
      const module = URL.createObjectURL(
          new Blob([tap], { type: 'text/javascript' }));
      const connect = AudioNode.prototype.connect;
      window.AudioContext = class extends AudioContext {
        constructor(...given) {
          super(...given);
          this.bus = new GainNode(this, { channelCount: 1 });
          connect.call(this.bus, this.destination);
          this.audioWorklet.addModule(module).then(() => {
            const tap = new AudioWorkletNode(this, 'tap');
            tap.port.onmessage = ({ data }) => window.heard.push(data);
            connect.call(this.bus, tap);
            window.recording = true;
          });
        }
      };
      AudioNode.prototype.connect = function (target, ...more) {
        const bus = target === this.context.destination ? this.context.bus
                                                        : target;
        return connect.call(this, bus, ...more);
      };
    });
  }

  /** What was heard, as 16 bits, without the silence around it.
   * @param n  samples that there will be, once all of the tap has come */
  async heard(n) {
    await this.page.waitForFunction((wanted) => window.heard.reduce(
        (sum, block) => sum + block.length, 0) >= wanted + 2400, n);
    const blocks = await this.page.evaluate(
        () => window.heard.map((block) => [...block]));
    return trim(blocks.flat().map((value) => Math.round(32768 * value) + 0));
  }
}

/** Samples without the silence around them. */
export function trim(samples) {
  const first = samples.findIndex((value) => value !== 0);
  const last = samples.findLastIndex((value) => value !== 0);
  return samples.slice(first, last + 1);
}

/** Fails with the first place at which samples differ. */
export function assertSameSamples(actual, expected) {
  assert.equal(actual.length, expected.length);
  assert.equal(actual.findIndex((value, idx) => value !== expected[idx]), -1);
}

/** Samples of a .wav file of 16 bits. */
export function wavSamples(bytes) {
  assert.equal(bytes.toString('latin1', 0, 4), 'RIFF');
  assert.equal(bytes.readUInt32LE(4), bytes.length - 8);
  assert.equal(bytes.readUInt32LE(24), 24000);
  const data = bytes.indexOf('data');
  const n = bytes.readUInt32LE(data + 4) / 2;
  return Array.from({ length: n },
                    (_, idx) => bytes.readInt16LE(data + 8 + 2 * idx));
}
