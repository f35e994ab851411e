// Plays and shows one speech at a time, live or again.

import { $, inSeconds } from './page.js';
import { Pictures } from './pictures.js';
import { Player } from './player.js';

/** @typedef {import('./speech.js').Speech} Speech */

/** How long a browser may take to start sound, in milliseconds. */
const kUnlockMs = 400;

export class Stage {
  #player = new Player();
  #codes = $(HTMLCanvasElement, 'codes');
  #wave = $(HTMLCanvasElement, 'wave');
  #pictures = new Pictures(this.#wave, this.#codes);
  #state = $(HTMLParagraphElement, 'stage-state');
  #readout = $(HTMLParagraphElement, 'readout');
  /** @type {Speech | null} */
  #speech = null;
  /** Samples are still to come. */
  #live = false;
  #playing = false;
  #begun = 0;
  #onEnd;
  #onBlocked;

  /** @param {{ended: (speech: Speech) => void, blocked: () => void}} listener
   * ended: it was heard to its end; blocked: the browser wants a press first */
  constructor(listener) {
    this.#onEnd = listener.ended;
    this.#onBlocked = listener.blocked;
    this.#watchCursor();
    const loop = () => {
      this.#update();
      requestAnimationFrame(loop);
    };
    requestAnimationFrame(loop);
  }

  /** To be called when a key or button is pressed. */
  unlock() {
    this.#player.unlock();
  }

  /** @param {number} n codes that a codebook of the model has */
  setCodes(n) {
    this.#pictures.setCodes(n);
  }

  get playing() {
    return this.#playing;
  }

  /** Shows a speech of which nothing has arrived yet.
   * @param {Speech} speech */
  await(speech) {
    this.#show(speech);
    this.#live = true;
    this.#say('Waiting for the server');
  }

  /** Its first sample is about to arrive. @param {Speech} speech */
  begin(speech) {
    this.#player.begin(speech.sampleRate);
    this.#playing = true;
    this.#begun = performance.now();
  }

  /** @param {Int16Array} samples of the speech that was begun */
  push(samples) {
    this.#player.push(samples);
    this.#pictures.changed();
  }

  /** Codes of the speech that was begun have arrived. */
  changed() {
    this.#pictures.changed();
  }

  /** All of it has arrived. */
  finish() {
    this.#live = false;
    this.#player.finish();
    this.#describe();
  }

  /** Plays a speech of the history. @param {Speech} speech */
  replay(speech) {
    this.#show(speech);
    this.begin(speech);
    this.#player.push(speech.samples());
    this.finish();
  }

  /** @param {string} why
   * @returns {number} samples that were heard */
  stop(why) {
    const played = this.#player.stop();
    this.#playing = false;
    this.#live = false;
    this.#say(why);
    this.#describe();
    return played;
  }

  /** @param {Speech} speech */
  #show(speech) {
    this.#player.stop();
    this.#playing = false;
    this.#speech = speech;
    this.#pictures.show(speech);
    this.#describe();
  }

  #update() {
    const player = this.#player;
    if (this.#playing) {
      player.tick();
      this.#sayState();
      if (player.done) this.#end();
    }
    this.#pictures.draw(player.played);
    this.#showFacts();
  }

  #sayState() {
    const player = this.#player;
    if (player.blocked) {
      if (performance.now() - this.#begun < kUnlockMs) return;
      if (this.#say('Waiting for you')) this.#onBlocked();
    } else if (player.starved) {
      this.#say('Buffering');
    } else {
      this.#say(this.#live ? 'Speaking' : 'Playing');
    }
  }

  #end() {
    this.#playing = false;
    this.#say('Played to the end');
    if (this.#speech !== null) this.#onEnd(this.#speech);
  }

  /** @param {string} text
   * @returns {boolean} whether it is news */
  #say(text) {
    if (this.#state.textContent === text) return false;
    this.#state.textContent = text;
    return true;
  }

  #describe() {
    const speech = this.#speech;
    if (speech === null) return;
    this.#wave.setAttribute(
        'aria-label', `Waveform of ${inSeconds(speech.seconds)}`);
    const rows = speech.codes[0]?.length ?? 0;
    this.#codes.setAttribute(
        'aria-label', `Codes: ${speech.codes.length} frames of ${rows}`);
  }

  #showFacts() {
    const speech = this.#speech;
    if (speech === null) return;
    const player = this.#player;
    const first = player.firstHeard;
    const show = (/** @type {string} */ id, /** @type {string} */ text) => {
      const field = $(HTMLElement, id);
      if (field.textContent !== text) field.textContent = text;
    };
    if (this.#live || first === null || !this.#playing) {
      show('fact-first', first === null || first < speech.asked ? '\u2013'
                         : `${Math.round(first - speech.asked)} ms`);
    }
    show('fact-played', inSeconds(player.played / speech.sampleRate));
    show('fact-buffered', inSeconds(Math.max(0, player.buffered)));
    show('fact-underruns', String(player.underruns));
    show('fact-speed', speech.speed === null ? '\u2013'
                       : `${speech.speed.toFixed(1)}\u00d7`);
  }

  #watchCursor() {
    this.#codes.addEventListener('pointermove', (event) => {
      const box = this.#codes.getBoundingClientRect();
      const cell = this.#pictures.cellAt(
          (event.clientX - box.left) / box.width,
          (event.clientY - box.top) / box.height);
      if (cell !== null) this.#point(cell.frame, cell.codebook);
    });
    const moves = new Map([['ArrowLeft', [-1, 0]], ['ArrowRight', [1, 0]],
                           ['ArrowUp', [0, -1]], ['ArrowDown', [0, 1]]]);
    this.#codes.addEventListener('keydown', (event) => {
      const move = moves.get(event.key);
      if (move === undefined) return;
      event.preventDefault();
      const at = this.#pictures.cursor ?? { frame: 0, codebook: 0 };
      this.#point(at.frame + move[0], at.codebook + move[1]);
    });
  }

  /** Tells the code of a cell. @param {number} frame
   * @param {number} codebook */
  #point(frame, codebook) {
    const speech = this.#speech;
    const code = speech?.columns[frame]?.[codebook];
    if (speech === null || code === undefined) return;
    this.#pictures.cursor = { frame, codebook };
    const at = frame * speech.frameSamples / speech.sampleRate;
    this.#readout.textContent =
        `Frame ${frame}, at ${inSeconds(at)}, codebook ${codebook}: ` +
        `code ${code}`;
  }
}
