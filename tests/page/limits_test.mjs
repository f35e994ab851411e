// The page on a server that wants a key and has room for one stream.
//
//   node tests/page/limits_test.mjs --csm build/release/bin/csm

import assert from 'node:assert/strict';

import { startBench } from './bench.mjs';

const kKey = 'open-sesame-open-sesame';

const visit = startBench(['--max-streams', '1', '--stall-seconds', '600'],
                         { CSM_API_KEYS: `${kKey} tester` });

const kRefused = { allow: /401|Failed to load/ };

/** Goes to the page and gives it the key. */
async function enter(there, page) {
  await page.goto(there.url);
  await page.fill('#key', kKey);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#status[data-state=ready]');
}

visit('a server that has keys gets one', kRefused, async (there, page) => {
  await page.goto(there.url);
  await page.waitForSelector('#key-box:not([hidden])');
  assert.equal(await there.text('#status'), 'Key needed');
  assert.ok(await page.isDisabled('#speak'));
  await page.fill('#key', 'not-this-one-not-this-one');
  const refused = page.waitForResponse((one) => one.status() === 401);
  await page.keyboard.press('Enter');
  await refused;
  await page.waitForSelector('#key-box:not([hidden])');
  assert.ok(await page.isDisabled('#speak'));
  await enter(there, page);
  await there.speak('Hello.');
  await there.state('Played to the end');
  // For as long as the visit takes.
  await page.reload();
  await page.waitForSelector('#status[data-state=ready]');
  assert.ok(await page.isHidden('#key-box'));
});

visit('a server without room is asked again', kRefused,
      async (there, page) => {
  await enter(there, page);
  // So hot that it does not end, and nobody reads it.
  const leaving = new AbortController();
  const other = await there.post(
      { input: 'Hello.', temperature: 3, max_audio_ms: 160000,
        response_format: 'wav', sample_rate: 48000 },
      { headers: { Authorization: `Bearer ${kKey}` },
        signal: leaving.signal });
  assert.equal(other.status, 200);
  await there.speak('Good morning.');
  await page.waitForSelector('#notice:not([hidden])');
  assert.equal(await there.text('#notice-text'),
               'The server is busy: no more streams can be spoken at the ' +
               'moment');
  assert.match(await there.text('#notice-action'), /^Try again/);
  await there.picture('limits-busy');
  leaving.abort();
  await page.click('#notice-action:enabled');
  await there.state('Played to the end');
  assert.ok(await page.isHidden('#notice'));
});
