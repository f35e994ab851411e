// How the page looks: light, dark and on a phone; pictures are kept for people.
//
//   node tests/page/looks_test.mjs --csm build/release/bin/csm

import assert from 'node:assert/strict';

import { startBench } from './bench.mjs';

const visit = startBench();

const kWindow = { width: 1100, height: 1000 };
const kSchemes = {
  light: { viewport: kWindow, colorScheme: 'light' },
  dark: { viewport: kWindow, colorScheme: 'dark' },
  'phone-light': { viewport: { width: 360, height: 740 }, isMobile: true,
                   hasTouch: true, deviceScaleFactor: 2 },
  'phone-dark': { viewport: { width: 360, height: 740 }, isMobile: true,
                  hasTouch: true, deviceScaleFactor: 2, colorScheme: 'dark' },
};

/** Brightness of the page behind everything, from 0 to 255. */
function brightness(page) {
  return page.evaluate(() => {
    const colour = getComputedStyle(document.body).backgroundColor;
    const [red, green, blue] = colour.match(/\d+/g).map(Number);
    return (red + green + blue) / 3;
  });
}

/** Colours that a canvas shows. */
function colours(page, id) {
  return page.evaluate((name) => {
    const canvas = document.getElementById(name);
    const { data } = canvas.getContext('2d').getImageData(
        0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  }, id);
}

for (const [name, settings] of Object.entries(kSchemes)) {
  visit(name, settings, async (there, page) => {
    const check = async (state) => {
      await there.picture(`${name}-${state}`);
      assert.equal(await there.sideways(), 0, state);
      assert.deepEqual(await there.violations(), [], state);
    };
    await there.open();
    const dark = settings.colorScheme === 'dark';
    assert.equal(await brightness(page) < 60, dark);
    await check('begin');
    await there.speak('The quick brown fox jumps over the lazy dog.',
                      { seed: 4 });
    await there.played(0.5);
    await there.picture(`${name}-speaking`);
    await there.state('Played to the end');
    assert.ok(await colours(page, 'codes') > 20);
    assert.ok(await colours(page, 'wave') > 1);
    await page.check('#mode-talk');
    await there.speak('Good morning. Did you sleep well?');
    await there.state('Played to the end');
    await there.speak(`Averyverylongwordthatdoesnotfit${'x'.repeat(60)}`,
                      { longest: 1 });
    await there.state('Played to the end');
    await check('talk');
    await page.fill('#text', '');
    await page.keyboard.press('Control+Enter');
    await check('notice');
  });
}

visit('codes tell themselves under the pointer', {}, async (there, page) => {
  await there.open();
  await there.speak('Hello.');
  await there.state('Played to the end');
  const box = await page.locator('#codes').boundingBox();
  await page.mouse.move(box.x + 3, box.y + box.height - 3);
  assert.match(await there.text('#readout'),
               /^Frame 0, at 0.00 s, codebook [1-9]\d*: code \d+$/);
  await page.mouse.move(box.x + box.width - 2, box.y + 3);
  assert.match(await there.text('#readout'), /^Frame 0,/);
});
