// The list of what was spoken in this visit.

import { $, inSeconds, make, makeButton, save } from './page.js';

/** @typedef {import('./speech.js').Speech} Speech */

/** Samples that are kept, about 40 minutes; the oldest speeches go first. */
const kMostSamples = 60_000_000;

/** @typedef {object} Actions
 * @property {(speech: Speech) => void} play
 * @property {(speech: Speech) => void} again
 * @property {(speech: Speech) => string} receipt */

export class History {
  #list = $(HTMLOListElement, 'history');
  #clear = $(HTMLButtonElement, 'clear');
  /** @type {{speech: Speech, item: HTMLLIElement}[]} the newest first */
  #entries = [];
  #actions;
  #n = 0;

  /** @param {Actions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#clear.addEventListener('click', () => this.#forgetAll());
  }

  /** @param {Speech} speech that has ended */
  add(speech) {
    this.#n += 1;
    const item = this.#makeItem(speech, this.#n);
    this.#entries.unshift({ speech, item });
    this.#list.prepend(item);
    this.#forgetOld();
    this.#update();
  }

  /** @param {Speech} speech
   * @param {number} n */
  #makeItem(speech, n) {
    const item = document.createElement('li');
    const name = `csm-${String(n).padStart(2, '0')}`;
    item.append(make('p', speech.text), make('p', about(speech), 'about'));
    const buttons = make('div', '', 'row');
    /** @param {string} text
     * @param {() => void} press */
    const add = (text, press) => {
      const button = makeButton(text, press);
      button.setAttribute('aria-label', `${text}, speech ${n}`);
      buttons.append(button);
    };
    add('Play', () => this.#actions.play(speech));
    add('Save sound', () => save(speech.wav(), `${name}.wav`));
    if (speech.outcome !== null) {
      add('Save receipt', () => save(
          new Blob([this.#actions.receipt(speech)],
                   { type: 'application/json' }), `${name}.json`));
    }
    add('Use again', () => this.#actions.again(speech));
    item.append(buttons);
    return item;
  }

  #forgetOld() {
    let n = 0;
    const keep = this.#entries.findIndex(({ speech }) => {
      n += speech.nSamples;
      return n > kMostSamples;
    });
    if (keep < 1) return;
    for (const { item } of this.#entries.splice(keep)) item.remove();
  }

  #forgetAll() {
    this.#entries = [];
    this.#list.replaceChildren();
    this.#update();
    $(HTMLTextAreaElement, 'text').focus();
  }

  #update() {
    const empty = this.#entries.length === 0;
    this.#clear.disabled = empty;
    $(HTMLParagraphElement, 'no-history').hidden = !empty;
  }
}

/** @param {Speech} speech */
function about(speech) {
  const { settings, turn, outcome } = speech;
  const parts = [inSeconds(speech.seconds), who(speech),
                 `seed ${settings.seed}`, `temperature ${settings.temperature}`,
                 `top-k ${settings.topK}`];
  if (turn !== null) {
    parts.unshift(`conversation ${turn.conversation}, turn ${turn.number}`);
  }
  if (speech.problem !== '') parts.push(speech.problem);
  else if (outcome?.reason === 'length') parts.push('reached the limit');
  else if (outcome?.reason === 'cancelled') parts.push('stopped');
  if (outcome?.codesSha256) {
    parts.push(`codes ${outcome.codesSha256.slice(0, 12)}`);
  }
  return parts.join(' \u00b7 ');
}

/** @param {Speech} speech */
export function who(speech) {
  const { voice, speaker } = speech.settings;
  return voice === '' ? `speaker ${speaker}` : `voice ${voice}`;
}
