// The line that says what went wrong and what can be done.

import { $ } from './page.js';

export class Notice {
  #box = $(HTMLDivElement, 'notice');
  #text = $(HTMLParagraphElement, 'notice-text');
  #button = $(HTMLButtonElement, 'notice-action');
  /** @type {() => void} */
  #press = () => {};
  /** @type {number | undefined} */
  #timer;

  constructor() {
    this.#button.addEventListener('click', () => {
      this.hide();
      this.#press();
    });
  }

  /** @param {string} text */
  show(text) {
    this.hide();
    this.#text.textContent = text;
    this.#box.hidden = false;
  }

  /** With a button.
   * @param {string} text
   * @param {string} label of the button
   * @param {() => void} press
   * @param {number} [seconds] that the button counts down first */
  offer(text, label, press, seconds = 0) {
    this.show(text);
    this.#press = press;
    this.#button.hidden = false;
    this.#count(label, Math.ceil(seconds));
  }

  hide() {
    clearTimeout(this.#timer);
    this.#box.hidden = true;
    this.#button.hidden = true;
  }

  /** @param {string} label
   * @param {number} seconds */
  #count(label, seconds) {
    this.#button.disabled = seconds > 0;
    this.#button.textContent = seconds > 0 ? `${label} in ${seconds} s` : label;
    if (seconds > 0) {
      this.#timer = setTimeout(() => this.#count(label, seconds - 1), 1000);
    }
  }
}
