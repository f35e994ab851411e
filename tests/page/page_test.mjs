// The page as people use it, in a real browser on a real server.
//
//   node tests/page/page_test.mjs --csm build/release/bin/csm

import assert from 'node:assert/strict';

import { assertSameSamples, sleep, startBench, trim, wavSamples }
  from './bench.mjs';

const kFox = 'The quick brown fox jumps over the lazy dog.';

const visit = startBench();

visit('what is heard is what is downloaded and what REST gives',
      { bypassCSP: true }, async (there, page) => {
  await there.record();
  await there.open();
  // The first speech starts the sound, the second is recorded from its start.
  await there.speak('One.', { seed: 1 });
  await there.state('Played to the end');
  await page.waitForFunction(() => window.recording);
  await page.evaluate(() => { window.heard = []; });
  await there.speak(kFox, { seed: 7 });
  await there.state('Played to the end');

  const wav = await there.download('Save sound');
  const samples = wavSamples(wav);
  assert.ok(samples.length > 24000, `${samples.length} samples`);
  if (await there.text('#fact-underruns') === '0') {
    const expected = trim(samples);
    assertSameSamples(await there.heard(expected.length), expected);
  }
  assert.match(await there.text('#fact-first'), /^\d+ ms$/);
  assert.equal(parseFloat(await there.text('#fact-played')),
               parseFloat((samples.length / 24000).toFixed(2)));

  const receipt = await there.receipt();
  assert.equal(receipt.input, kFox);
  assert.equal(receipt.seed, 7);
  const answer = await there.post(receipt);
  assert.equal(answer.status, 200);
  const rest = Buffer.from(await answer.arrayBuffer());
  assertSameSamples(wavSamples(rest), samples);
  const other = await there.post({ ...receipt, seed: 8 });
  assert.equal(other.status, 409);
  assert.equal((await other.json()).error.code, 'codes_mismatch');
});

visit('Escape stops, and the receipt is of what was made', {},
      async (there, page) => {
  await there.open();
  await there.speak(`${kFox} `.repeat(4), { seed: 3 });
  await there.played(0.4);
  await page.keyboard.press('Escape');
  await there.state('Stopped');
  assert.ok(await page.isDisabled('#stop'));
  await sleep(200);  // what the loudspeaker still holds
  const played = await there.text('#fact-played');
  await sleep(300);
  assert.equal(await there.text('#fact-played'), played);
  await page.waitForSelector('#history li');
  const samples = wavSamples(await there.download('Save sound'));
  assert.ok(parseFloat(played) <= samples.length / 24000 + 0.005);
  const answer = await there.post(await there.receipt());
  assert.equal(answer.status, 200);
  const rest = Buffer.from(await answer.arrayBuffer());
  assertSameSamples(wavSamples(rest), samples);
});

visit('a conversation hears its turns, cut where they were cut', {},
      async (there, page) => {
  await there.open();
  await page.check('#mode-talk');
  await there.speak('Good morning. Did you sleep well?', { seed: 5 });
  await there.state('Played to the end');
  assert.equal(await page.inputValue('#speaker'), '1');
  await there.speak('Not at all, the rain was much too loud for me, and then ' +
                    'the wind came, and nobody could sleep any more.');
  await there.played(0.6);
  await there.speak('I am sorry.');
  await there.state('Played to the end');
  assert.equal(await page.locator('#turns li').count(), 3);
  const cut = page.locator('#turns li').nth(1);
  assert.match(await cut.textContent(), /speaker 1.*cut after \d\.\d+ s/);
  assert.match(await cut.getAttribute('class'), /odd/);

  const receipt = await there.receipt();
  assert.deepEqual(receipt.context.map(({ speaker }) => speaker), [0, 1]);
  const answer = await there.post(receipt);
  assert.equal(answer.status, 200, await answer.clone().text().catch(() => ''));
  const rest = Buffer.from(await answer.arrayBuffer());
  assertSameSamples(wavSamples(rest),
                    wavSamples(await there.download('Save sound')));

  await page.click('#new-talk');
  assert.equal(await page.locator('#turns li').count(), 0);
  await there.speak('A new start.', { speaker: 0 });
  await there.state('Played to the end');
  assert.equal((await there.receipt()).context.length, 0);
});

visit('history plays again and fills the form', {}, async (there, page) => {
  await there.open();
  await page.selectOption('#voice', 'man');
  assert.equal(await page.inputValue('#speaker'), '1');
  await there.speak('Hello there.', { seed: 11, temperature: 0.7 });
  await there.state('Played to the end');
  await page.fill('#text', '');
  await page.getByText('Use again', { exact: true }).click();
  assert.equal(await page.inputValue('#text'), 'Hello there.');
  assert.equal(await page.inputValue('#seed'), '11');
  assert.equal(await page.inputValue('#voice'), 'man');
  await page.click('#speak');
  await there.state('Played to the end');
  assert.deepEqual(await there.download('Save sound', 0),
                   await there.download('Save sound', 1));
  await page.getByText('Play', { exact: true }).first().click();
  await there.state('Playing');
  await there.state('Played to the end');
  await page.click('#clear');
  assert.equal(await page.locator('#history li').count(), 0);
});

visit('the keyboard is enough', {}, async (there, page) => {
  await there.open();
  const seen = [];
  for (let idx = 0; idx < 14; ++idx) {
    await page.keyboard.press('Tab');
    seen.push(await page.evaluate(() => {
      const element = document.activeElement;
      const shown = element.id.startsWith('mode-') ? element.nextElementSibling
                                                   : element;
      const outlined = getComputedStyle(shown).outlineStyle !== 'none';
      return (element.id || element.localName) + (outlined ? '' : ' unseen');
    }));
  }
  assert.deepEqual(seen, [
    'mode-speak', 'text', 'voice', 'speaker', 'speak', 'summary', 'temperature',
    'top-k', 'longest', 'seed', 'new-seed', 'codes', 'a', 'body unseen']);
  await page.focus('#text');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('Only keys.');
  await page.keyboard.press('Control+Enter');
  await there.state('Played to the end');
  await page.focus('#codes');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  assert.match(await there.text('#readout'),
               /^Frame 1, at 0.08 s, codebook 1: code \d+$/);
});

visit('sound waits for a press if the browser wants one',
      { allow: /AudioContext was not allowed/ }, async (there, page) => {
  // What the test evaluates counts as a press, so this runs without.
  await page.addInitScript(() => {
    const timer = setInterval(() => {
      const state = document.querySelector('#stage-state')?.textContent;
      if (state === 'Nothing yet') document.querySelector('#speak').click();
      if (state !== 'Waiting for you') return;
      clearInterval(timer);
      console.info('blocked');
    }, 50);
  });
  const blocked = page.waitForEvent(
      'console', (message) => message.text() === 'blocked');
  await page.goto(there.url);
  await blocked;
  assert.match(await there.text('#notice'), /silent until you press/);
  await page.click('#notice-action');
  await there.state('Played to the end');
  assert.ok(await page.isHidden('#notice'));
});
