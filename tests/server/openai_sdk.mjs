// The server with OpenAI's client for JavaScript.
//
//   openai_sdk.mjs URL MODULES

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

const [url, modules] = process.argv.slice(2);
const OpenAI = createRequire(path.resolve(modules, 'none.js'))('openai');

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none',
                            maxRetries: 0 });
const kSpeech = { model: 'gpt-4o-mini-tts', voice: 'alloy',
                  input: 'Good morning.', seed: 1, max_audio_ms: 800 };

async function bytes(response) {
  return Buffer.from(await response.arrayBuffer());
}

const plain = await fetch(`${url}/v1/audio/speech`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ ...kSpeech, response_format: 'pcm' }),
});
const expected = await bytes(plain);
assert.equal(expected.length, 10 * 3840);

const pcm = await client.audio.speech.create({ ...kSpeech,
                                               response_format: 'pcm' });
assert.equal(pcm.headers.get('x-csm-seed'), '1');
assert.deepEqual(await bytes(pcm), expected);

const streamed = await client.audio.speech.create({ ...kSpeech,
                                                    response_format: 'pcm' });
const chunks = [];
for await (const chunk of streamed.body) chunks.push(chunk);
assert.deepEqual(Buffer.concat(chunks), expected);

const magic = { mp3: null, opus: 'OggS', flac: 'fLaC', wav: 'RIFF' };
for (const [format, start] of Object.entries(magic)) {
  const file = await bytes(await client.audio.speech.create(
      { ...kSpeech, response_format: format }));
  assert.ok(file.length > 500, format);
  if (start !== null) assert.equal(file.toString('latin1', 0, 4), start);
}

// Events, whose sound is the same.
const events = await client.audio.speech.create(
    { ...kSpeech, response_format: 'pcm', stream_format: 'sse' });
const lines = (await bytes(events)).toString().split('\n\n').filter(Boolean)
    .map((line) => JSON.parse(line.replace(/^data: /, '')));
assert.deepEqual(
    Buffer.concat(lines.filter(({ type }) => type === 'speech.audio.delta')
        .map(({ audio }) => Buffer.from(audio, 'base64'))), expected);
assert.equal(lines.at(-1).type, 'speech.audio.done');
assert.equal(lines.at(-1).usage.output_tokens, 10);

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.deepEqual(models, ['csm-demo']);
assert.equal((await client.models.retrieve('csm-demo')).object, 'model');

const refused = [
  [{ speed: 2 }, OpenAI.BadRequestError, 'unsupported_speed', 'speed'],
  [{ model: 'gpt-9' }, OpenAI.NotFoundError, 'model_not_found', 'model'],
  [{ input: '' }, OpenAI.BadRequestError, 'empty_input', 'input'],
  [{ voice: 'nobody' }, OpenAI.BadRequestError, 'voice_not_found', 'voice'],
];
for (const [fields, kind, code, param] of refused) {
  await assert.rejects(client.audio.speech.create({ ...kSpeech, ...fields }),
                       (error) => error instanceof kind &&
                           error.code === code && error.param === param);
}
