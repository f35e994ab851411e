// The server's HTTP interface, as far as the page needs it.

const kKeyName = 'csm-api-key';

/** @typedef {{id: string, name: string, kind: string, speaker: number}} Voice
 * @typedef {{id: string, n_codes: number}} Model
 * n_codes: that a codebook has */

/** The server said no. */
export class ServiceError extends Error {
  /** @param {string} message
   * @param {number} status of HTTP; 0 if the server could not be reached
   * @param {string} code of the server's
   * @param {number | null} retrySeconds when to try again, if it said so */
  constructor(message, status, code = '', retrySeconds = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retrySeconds = retrySeconds;
  }
}

/** The API key that was given for this visit. */
export function apiKey() {
  return sessionStorage.getItem(kKeyName) ?? '';
}

/** @param {string} key */
export function rememberKey(key) {
  sessionStorage.setItem(kKeyName, key);
}

/** @param {string} path from where the page lies
 * @param {string} [protocol] another than the page's */
export function address(path, protocol) {
  const url = new URL(path, document.baseURI);
  if (protocol !== undefined) url.protocol = protocol;
  return url;
}

/** @param {string} path */
async function get(path) {
  const key = apiKey();
  const headers = new Headers();
  if (key !== '') headers.set('Authorization', `Bearer ${key}`);
  let response;
  try {
    response = await fetch(address(path), { headers, cache: 'no-store' });
  } catch {
    throw new ServiceError('the server cannot be reached', 0);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw new ServiceError(
        body?.error?.message ?? `the server answered ${response.status}`,
        response.status, body?.error?.code ?? '');
  }
  return body;
}

/** Throws unless the server speaks, or would if it were not so busy. */
export async function checkReady() {
  try {
    await get('ready');
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === 'overloaded')) {
      throw error;
    }
  }
}

/** Voices that have a name; those that are but a speaker's number do not.
 * @returns {Promise<Voice[]>} */
export async function listVoices() {
  /** @type {Voice[]} */
  const voices = (await get('v1/audio/voices')).voices;
  return voices.filter((voice) => voice.kind !== 'speaker');
}

/** @returns {Promise<Model>} the one that speaks */
export async function loadedModel() {
  return (await get('v1/models')).data[0];
}

/** @returns {Promise<string>} */
export async function serverVersion() {
  return (await get('version')).version;
}
