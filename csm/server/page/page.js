// Small helpers for the elements of the page.

/** The element with an id.
 * @template {Element} T
 * @param {new () => T} type what it is
 * @param {string} id
 * @returns {T} */
export function $(type, id) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${type.name} #${id}`);
  return found;
}

/** A new element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} text
 * @param {string} [classes]
 * @returns {HTMLElementTagNameMap[K]} */
export function make(tag, text, classes) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (classes !== undefined) element.className = classes;
  return element;
}

/** @param {string} text
 * @param {() => void} press */
export function makeButton(text, press) {
  const button = make('button', text, 'small');
  button.type = 'button';
  button.addEventListener('click', press);
  return button;
}

/** Lets the browser save a file.
 * @param {Blob} blob
 * @param {string} name */
export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {number} seconds */
export function inSeconds(seconds) {
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}
