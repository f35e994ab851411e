// The form's settings: read, checked by the browser, kept between visits.

import { $ } from './page.js';

/** @typedef {import('./speech.js').Settings} Settings */

const kStore = 'csm-settings';
const kKept = ['temperature', 'top-k', 'longest', 'seed', 'speaker'];

/** @param {string} id */
const number = (id) => $(HTMLInputElement, id).valueAsNumber;

/** Whether every field has a value that it may have; if not, the first that
 * does not is shown with what is wrong.  */
export function checkSettings() {
  for (const id of kKept) {
    const field = $(HTMLInputElement, id);
    if (field.checkValidity()) continue;
    const details = field.closest('details');
    if (details !== null) details.open = true;
    field.reportValidity();
    return false;
  }
  return true;
}

/** The settings of the next speech, with its seed.
 * @returns {Settings} */
export function readSettings() {
  if ($(HTMLInputElement, 'new-seed').checked) {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0];
    $(HTMLInputElement, 'seed').value = String(seed);
  }
  keepSettings();
  return {
    voice: $(HTMLSelectElement, 'voice').value,
    speaker: number('speaker'),
    temperature: number('temperature'),
    topK: number('top-k'),
    maxAudioMs: Math.round(1000 * number('longest')),
    seed: number('seed'),
  };
}

/** Puts settings of an earlier speech into the form.
 * @param {Settings} settings */
export function writeSettings(settings) {
  $(HTMLSelectElement, 'voice').value = settings.voice;
  $(HTMLInputElement, 'speaker').value = String(settings.speaker);
  $(HTMLInputElement, 'temperature').value = String(settings.temperature);
  $(HTMLInputElement, 'top-k').value = String(settings.topK);
  $(HTMLInputElement, 'longest').value = String(settings.maxAudioMs / 1000);
  $(HTMLInputElement, 'seed').value = String(settings.seed);
  $(HTMLInputElement, 'new-seed').checked = false;
}

function keepSettings() {
  const kept = Object.fromEntries(
      kKept.map((id) => [id, $(HTMLInputElement, id).value]));
  localStorage.setItem(kStore, JSON.stringify(kept));
}

/** Brings back what was set at the last visit. */
export function restoreSettings() {
  const kept = JSON.parse(localStorage.getItem(kStore) ?? '{}');
  for (const id of kKept) {
    const value = kept[id];
    if (typeof value === 'string') $(HTMLInputElement, id).value = value;
  }
}
