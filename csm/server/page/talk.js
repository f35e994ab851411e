// A conversation: the turns so far, who speaks next, and how it is shown.

import { $, inSeconds, make } from './page.js';
import { who } from './history.js';

/** @typedef {import('./speech.js').Speech} Speech
 * @typedef {import('./speech.js').Turn} Turn
 * @typedef {import('./speech.js').Settings} Settings */

export class Talk {
  #list = $(HTMLOListElement, 'turns');
  #number = 1;
  /** @type {{speech: Speech, item: HTMLLIElement}[]} */
  #turns = [];

  /** What was said so far. */
  get speeches() {
    return this.#turns.map(({ speech }) => speech);
  }

  /** The place of the next speech.
   * @returns {Turn} */
  nextTurn() {
    return { conversation: this.#number, number: this.#turns.length + 1,
             before: this.speeches };
  }

  /** @param {Speech} speech */
  add(speech) {
    const item = document.createElement('li');
    this.#turns.push({ speech, item });
    this.#list.append(item);
    this.update(speech);
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#showHint();
  }

  /** Removes a turn of which nothing was said. @param {Speech} speech */
  drop(speech) {
    const idx = this.speeches.indexOf(speech);
    if (idx >= 0) this.#turns.splice(idx, 1)[0].item.remove();
    this.#showHint();
  }

  /** Shows what has become of a turn. @param {Speech} speech */
  update(speech) {
    const turn = this.#turns.find((entry) => entry.speech === speech);
    if (turn === undefined) return;
    const first = this.#turns[0].speech;
    turn.item.classList.toggle('odd', who(speech) !== who(first));
    turn.item.replaceChildren(make('small', who(speech)),
                              make('span', speech.text));
    if (speech.cutAt !== null) {
      const heard = speech.cutAt / speech.sampleRate;
      turn.item.append(make('small', `cut after ${inSeconds(heard)}`));
    }
  }

  /** Begins anew. */
  clear() {
    if (this.#turns.length > 0) this.#number += 1;
    this.#turns = [];
    this.#list.replaceChildren();
    this.#showHint();
  }

  /** Who answers these settings: the latest other one, if there is any.
   * @param {Settings} settings
   * @returns {Settings | null} */
  answerer(settings) {
    const others = this.speeches.map((speech) => speech.settings).filter(
        (other) => other.voice !== settings.voice ||
            other.speaker !== settings.speaker);
    return others.at(-1) ?? null;
  }

  #showHint() {
    $(HTMLParagraphElement, 'no-turns').hidden = this.#turns.length > 0;
  }
}
