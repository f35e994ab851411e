// Receipts: a request that speaks the same again, and fails if it does not.

/** @typedef {import('./speech.js').Speech} Speech */

/** A body of POST /v1/audio/speech.
 * @param {Speech} speech
 * @param {string} model
 * @param {string} version of the server */
export function makeReceipt(speech, model, version) {
  const { settings, outcome } = speech;
  const expected = isRepeatable(speech) ? outcome?.codesSha256 : null;
  const request = {
    model,
    input: speech.text,
    ...speakerAndContext(speech),
    response_format: 'wav',
    seed: settings.seed,
    temperature: settings.temperature,
    top_k: settings.topK,
    max_audio_ms: maxAudioMs(speech),
    ...(expected ? { expect_codes_sha256: expected } : {}),
    metadata: {
      version,
      when: speech.when.toISOString(),
      frames: speech.nFrames,
      finish_reason: outcome?.reason ?? 'unknown',
    },
  };
  // The codes of a frame in one line; text has no line breaks in JSON.
  return JSON.stringify(request, null, 1).replace(
      /\[\n[\d,\s]+\]/g, (list) => list.replace(/\s+/g, '')) + '\n';
}

/** A long text that was stopped in its midst cannot be spoken that far again:
 * the limit holds for each of its pieces.
 * @param {Speech} speech */
function isRepeatable({ outcome, pieces }) {
  return outcome?.reason !== 'cancelled' || pieces.length === 1;
}

/** The limit that the speech ended at: what was stopped ends there again.
 * @param {Speech} speech */
function maxAudioMs(speech) {
  const { outcome, pieces, settings } = speech;
  if (outcome?.reason !== 'cancelled' || pieces.length > 1) {
    return settings.maxAudioMs;
  }
  const frame = 1000 * speech.frameSamples / speech.sampleRate;
  return Math.round(pieces[0].nFrames * frame);
}

/** Who speaks, after what: the fields of a request. A voice of a conversation
 * is heard where it first speaks, which is not what `voice` alone means.
 * @param {Speech} speech */
export function speakerAndContext({ settings, turn }) {
  const { voice, speaker } = settings;
  if (turn === null) return { ...(voice === '' ? {} : { voice }), speaker };
  /** @type {object[]} */
  const context = [];
  const known = new Set(['']);
  const meet = (/** @type {string} */ name) => {
    if (!known.has(name)) context.push({ voice: name });
    known.add(name);
  };
  for (const before of turn.before) {
    meet(before.settings.voice);
    context.push(...heard(before));
  }
  meet(voice);
  return { speaker, context };
}

/** What a conversation keeps of a turn, as items of a request's context.
 * @param {Speech} speech */
function heard({ settings, pieces, codes, kept }) {
  const items = [];
  let frame = 0;
  let text = kept === null ? null : kept.text;
  for (const piece of pieces) {
    const end = Math.min(frame + piece.nFrames, kept?.nFrames ?? codes.length);
    if (end <= frame) break;
    const whole = end === frame + piece.nFrames;
    items.push({ speaker: settings.speaker,
                 text: whole || text === null ? piece.text : text,
                 codes: codes.slice(frame, end) });
    text = text === null ? null : text.slice(piece.text.length + 1);
    frame = end;
  }
  return items;
}
