// What the page does when the server cannot do what it should: answers are put
// in its place here, in the browser.
//
//   node tests/page/errors_test.mjs --csm build/release/bin/csm

import assert from 'node:assert/strict';

import { sleep, startBench } from './bench.mjs';

const visit = startBench();

const kFrame = Buffer.alloc(2 * 1920, 1);

/** Answers each text to speak with the messages of the next script, which may
 * be objects, frames of sound (Buffers), pauses (numbers) and 'close'. Without
 * a script left, the server answers. */
async function play(page, ...scripts) {
  await page.routeWebSocket(/\/stream$/, (socket) => {
    let server = null;
    socket.onMessage(async (data) => {
      const { type } = JSON.parse(data);
      if (scripts.length === 0 && server === null) {
        server = socket.connectToServer();
      }
      if (server !== null) server.send(data);
      else if (type === 'session.config') {
        socket.send(JSON.stringify({ type: 'session.configured' }));
      }
      if (server !== null || type !== 'input.done') return;
      for (const step of scripts.shift()) {
        if (typeof step === 'number') await sleep(step);
        else if (step === 'close') socket.close({ code: 1011 });
        else if (Buffer.isBuffer(step)) socket.send(step);
        else socket.send(JSON.stringify(step));
      }
    });
  });
}

const kStart = {
  type: 'audio.start', sentence_index: 0, sentence_text: 'Hello.', seed: '1',
  sample_rate: 24000, frame_samples: 1920,
};
const kEnd = [{ type: 'audio.done', finish_reason: 'eos' },
              { type: 'session.done' }];

visit('a busy server is asked again, after the time it wants', {},
      async (there, page) => {
  await play(page, [{ type: 'error', status: 429, code: 'queue_full',
                      message: '32 streams are being spoken',
                      retry_after_s: 3 }]);
  await there.open();
  await there.speak('Hello.');
  await page.waitForSelector('#notice:not([hidden])');
  assert.equal(await there.text('#notice-text'),
               'The server is busy: 32 streams are being spoken');
  // It counts down.
  assert.match(await there.text('#notice-action'), /^Try again( in [1-3] s)?$/);
  assert.equal(await there.text('#stage-state'), 'Failed');
  await page.click('#notice-action:enabled');
  await there.state('Played to the end');
});

visit('a lost connection keeps what has arrived', {}, async (there, page) => {
  await play(page, [kStart, ...Array(8).fill(kFrame), 50, 'close']);
  await there.open();
  await there.speak('Hello.');
  await page.waitForSelector('#notice:not([hidden])');
  assert.match(await there.text('#notice-text'),
               /connection to the server was lost.*is kept/);
  await there.state('Played to the end');
  assert.equal(await there.text('#fact-played'), '0.64 s');
  assert.match(await there.text('#history li'), /not whole/);
  assert.equal(await page.getByText('Save receipt', { exact: true }).count(), 0);
});

visit('sound that comes too slowly makes a gap, but none is lost', {},
      async (there, page) => {
  const slow = Array(5).fill([kFrame, 600]).flat();
  await play(page, [kStart, ...slow, ...kEnd]);
  await there.open();
  await there.speak('Hello.');
  await there.state('Played to the end');
  assert.ok(parseInt(await there.text('#fact-underruns'), 10) >= 1);
  assert.equal(await there.text('#fact-played'), '0.40 s');
});

visit('a refusal is told', {}, async (there, page) => {
  await there.open();
  await there.speak('Hello. '.repeat(800));
  await page.waitForSelector('#notice:not([hidden])');
  assert.match(await there.text('#notice-text'), /^The server refused: .*4096/);
  await there.speak('Hello.');
  await there.state('Speaking', 'Playing', 'Played to the end');
  assert.ok(await page.isHidden('#notice'));
});

visit('what cannot be a setting is not sent', {}, async (there, page) => {
  let n = 0;
  page.on('websocket', () => { n += 1; });
  await there.open();
  await there.speak('Hello.', { temperature: 99 });
  assert.equal(await page.evaluate(() => document.activeElement.id),
               'temperature');
  await there.speak('', { temperature: 0.8 });
  assert.equal(await there.text('#notice-text'), 'There is no text to speak.');
  assert.equal(n, 0);
});

visit('the page waits for a model that is loading',
      { allow: /503|Failed to load/ }, async (there, page) => {
  let loading = true;
  await page.route('**/ready', (route) => loading
      ? route.fulfill({ status: 503, json: { error: { message: 'loading' } } })
      : route.continue());
  await page.goto(there.url);
  await page.waitForFunction(
      () => document.querySelector('#status').textContent === 'Loading model');
  assert.ok(await page.isDisabled('#speak'));
  await page.keyboard.press('Control+Enter');
  assert.equal(await there.text('#stage-state'), 'Nothing yet');
  loading = false;
  await page.waitForSelector('#speak:enabled');
  assert.equal(await there.text('#status'), 'Ready');
});

visit('a server that is away is found again',
      { allow: /ERR_FAILED|Failed to load/ }, async (there, page) => {
  let away = true;
  await page.route('**/ready',
                   (route) => away ? route.abort() : route.continue());
  await page.goto(there.url);
  await page.waitForFunction(
      () => document.querySelector('#status').textContent === 'No server');
  away = false;
  await page.waitForSelector('#speak:enabled');
});

visit('a key is asked for and used', { allow: /401|Failed to load/ },
      async (there, page) => {
  let url = '';
  await page.route('**/voices', (route) => {
    const key = route.request().headers().authorization;
    return key === 'Bearer sesame' ? route.continue() : route.fulfill(
        { status: 401, json: { error: { message: 'no key' } } });
  });
  page.on('websocket', (socket) => { url = socket.url(); });
  await page.goto(there.url);
  await page.fill('#key', 'sesame');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#speak:enabled');
  assert.ok(await page.isHidden('#key-box'));
  await there.speak('Hello.');
  await there.state('Played to the end');
  assert.equal(new URL(url).searchParams.get('api_key'), 'sesame');
});
