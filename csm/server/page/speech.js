// One utterance: what was asked for, and what has arrived of it.

/** Samples to one peak of the waveform. */
const kPeakSamples = 120;
const kHeaderBytes = 44;

/** What an utterance depends on besides the model and its context.
 * @typedef {object} Settings
 * @property {string} voice its id, or '' for none
 * @property {number} speaker
 * @property {number} temperature
 * @property {number} topK
 * @property {number} maxAudioMs
 * @property {number} seed */

/** How an utterance came out, from the server.
 * @typedef {object} Outcome
 * @property {string} reason eos, length or cancelled
 * @property {string | null} codesSha256 */

/** A part of a text that was spoken in one go: all of it, if it is not long.
 * @typedef {object} Piece
 * @property {string} text
 * @property {number} nFrames
 * @property {string} codesSha256
 * @property {string} reason */

/** Who it belongs to in a conversation.
 * @typedef {object} Turn
 * @property {number} conversation from 1
 * @property {number} number from 1
 * @property {Speech[]} before the turns that it hears */

export class Speech {
  sampleRate = 24000;
  frameSamples = 1920;
  nSamples = 0;
  /** Codes of each frame. @type {number[][]} */
  codes = [];
  /** The same by place in the sound, which may have pauses.
   * @type {(number[] | undefined)[]} */
  columns = [];
  /** @type {Piece[]} */
  pieces = [];
  /** @type {Outcome | null} */
  outcome = null;
  /** Why it is not whole, for people. */
  problem = '';
  /** performance.now() of events. @type {number | null} */
  firstArrived = null;
  /** @type {number | null} */
  lastArrived = null;
  /** Samples that were heard before it was stopped; all if null.
   * @type {number | null} */
  cutAt = null;
  /** What the conversation keeps of it, if not all.
   * @type {{nFrames: number, text: string} | null} */
  kept = null;
  asked = performance.now();
  when = new Date();
  /** @type {Int16Array[]} */
  #chunks = [];
  /** @type {number[]} */
  #peaks = [];

  /** @param {string} text
   * @param {Settings} settings
   * @param {Turn | null} turn */
  constructor(text, settings, turn = null) {
    this.text = text;
    this.settings = settings;
    this.turn = turn;
  }

  /** Something has been told of it. */
  get started() {
    return this.pieces.length > 0;
  }

  /** Frames of sound, pauses included. */
  get nFrames() {
    return Math.max(this.columns.length,
                    Math.ceil(this.nSamples / this.frameSamples));
  }

  get seconds() {
    return this.nSamples / this.sampleRate;
  }

  /** Seconds of sound that arrived in a second. */
  get speed() {
    if (this.firstArrived === null || this.lastArrived === null) return null;
    const spent = (this.lastArrived - this.asked) / 1000;
    return spent > 0 ? this.seconds / spent : null;
  }

  /** @param {Int16Array} samples the next that arrived */
  addSamples(samples) {
    this.lastArrived = performance.now();
    this.firstArrived ??= this.lastArrived;
    this.#chunks.push(samples);
    for (const value of samples) {
      const idx = Math.floor(this.nSamples / kPeakSamples);
      const size = Math.abs(value) / 32768;
      this.#peaks[idx] = Math.max(this.#peaks[idx] ?? 0, size);
      this.nSamples += 1;
    }
  }

  /** @param {any} message audio.start */
  addPiece(message) {
    if (!this.started) {
      this.sampleRate = message.sample_rate;
      this.frameSamples = message.frame_samples;
      // Drawn by the server, or moved on in a conversation.
      this.settings = { ...this.settings, seed: Number(message.seed) };
    }
    this.pieces.push({ text: message.sentence_text, nFrames: 0,
                       codesSha256: '', reason: '' });
  }

  /** @param {number[][]} codes of the next frames, before their sound */
  addCodes(codes) {
    const piece = this.pieces.at(-1);
    if (piece !== undefined) piece.nFrames += codes.length;
    const arrived = Math.round(this.nSamples / this.frameSamples);
    let column = Math.max(arrived, this.columns.length);
    for (const frame of codes) {
      this.codes.push(frame);
      this.columns[column] = frame;
      column += 1;
    }
  }

  /** @param {any} message audio.done */
  endPiece(message) {
    const piece = this.pieces.at(-1);
    if (piece === undefined) return;
    piece.codesSha256 = message.codes_sha256;
    piece.reason = message.finish_reason;
  }

  /** @param {any} message session.done */
  end(message) {
    const other = this.pieces.find(({ reason }) => reason !== 'eos');
    const alone = this.pieces.length === 1 ? this.pieces[0].codesSha256 : null;
    this.outcome = { reason: other?.reason || 'eos',
                     codesSha256: message.codes_sha256 ?? (alone || null) };
  }

  /** What the conversation keeps after it was cut.
   * @param {number} nFrames
   * @param {string} text that belongs to them */
  keep(nFrames, text) {
    this.kept = { nFrames, text };
  }

  /** The loudest sample in [from, to), or null past the end.
   * @param {number} from
   * @param {number} to */
  peak(from, to) {
    if (from >= this.nSamples) return null;
    let peak = 0;
    const last = Math.ceil(to / kPeakSamples);
    for (let idx = Math.floor(from / kPeakSamples); idx < last; ++idx) {
      peak = Math.max(peak, this.#peaks[idx] ?? 0);
    }
    return peak;
  }

  /** All samples. */
  samples() {
    const all = new Int16Array(this.nSamples);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** A .wav file: 16-bit mono. */
  wav() {
    const bytes = 2 * this.nSamples;
    const view = new DataView(new ArrayBuffer(kHeaderBytes + bytes));
    let at = 0;
    const put = {
      /** @param {string} name */
      name(name) {
        for (const letter of name) view.setUint8(at++, letter.charCodeAt(0));
      },
      /** @param {number} value */
      u32(value) {
        view.setUint32(at, value, true);
        at += 4;
      },
      /** @param {number} value */
      u16(value) {
        view.setUint16(at, value, true);
        at += 2;
      },
    };
    put.name('RIFF');
    put.u32(kHeaderBytes - 8 + bytes);
    put.name('WAVEfmt ');
    put.u32(16);
    put.u16(1);  // PCM
    put.u16(1);  // channels
    put.u32(this.sampleRate);
    put.u32(2 * this.sampleRate);
    put.u16(2);
    put.u16(16);
    put.name('data');
    put.u32(bytes);
    for (const value of this.samples()) {
      view.setInt16(at, value, true);
      at += 2;
    }
    return new Blob([view.buffer], { type: 'audio/wav' });
  }
}
