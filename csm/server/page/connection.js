// Speech over a WebSocket (docs/server-api.md): text goes up, sound and codes
// come down.

import { address, apiKey, ServiceError } from './service.js';

/** @typedef {import('./speech.js').Speech} Speech */

/** What happens to a speech, in this order: started, any number of samples and
 * codes, then one of done and failed; or failed at once. And kept, after a
 * cancel, when the server has told what it keeps of it.
 * @typedef {object} Listener
 * @property {(speech: Speech) => void} started
 * @property {(speech: Speech, samples: Int16Array) => void} samples
 * @property {(speech: Speech) => void} codes
 * @property {(speech: Speech) => void} done
 * @property {(speech: Speech) => void} kept
 * @property {(speech: Speech, error: ServiceError) => void} failed */

/** @typedef {object} Request
 * @property {Speech} speech
 * @property {object} config fields of session.config
 * @property {boolean} sent its text is with the server */

export class Connection {
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  /** What is being spoken, and what waits behind it. @type {Request[]} */
  #requests = [];
  /** Cancels that the server has not answered. @type {Speech[]} */
  #cancelled = [];
  /** Why the present speech is not whole. @type {ServiceError | null} */
  #error = null;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  get open() {
    return this.#socket !== null &&
        this.#socket.readyState === WebSocket.OPEN;
  }

  /** Asks for a speech; what comes of it is told to the listener.
   * @param {Speech} speech
   * @param {object} config fields of session.config */
  speak(speech, config) {
    this.#requests.push({ speech, config, sent: false });
    if (this.#requests.length === 1) this.#begin();
  }

  /** Ends a speech that was heard so far, the latest that was asked for.
   * @param {Speech} speech
   * @param {number} playedMs */
  cancel(speech, playedMs) {
    const idx = this.#requests.findIndex((one) => one.speech === speech);
    if (idx > 0 || (idx === 0 && !this.open)) {
      this.#requests.splice(idx, 1);
      this.#listener.done(speech);
    } else if (this.open) {
      this.#cancelled.push(speech);
      this.#send({ type: 'input.cancel', played_ms: Math.floor(playedMs) });
    }
  }

  close() {
    const requests = this.#requests;
    this.#requests = [];
    this.#cancelled = [];
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    for (const { speech } of requests) this.#listener.done(speech);
  }

  /** Asks for the first of the requests. */
  #begin() {
    const request = this.#requests[0];
    if (request === undefined) return;
    this.#error = null;
    if (this.#socket === null) this.#connect();
    if (this.open) this.#configure(request);
  }

  /** @param {Request} request */
  #configure({ config }) {
    this.#send({ type: 'session.config', ...config });
  }

  /** The settings of the first request are good.
   * @param {Request} request */
  #sendText(request) {
    if (this.#cancelled.includes(request.speech)) return;
    request.sent = true;
    this.#send({ type: 'input.text', text: request.speech.text });
    this.#send({ type: 'input.done' });
  }

  /** @param {object} message */
  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  #connect() {
    const secure = location.protocol === 'https:';
    const url = address('v1/audio/speech/stream', secure ? 'wss:' : 'ws:');
    // Browsers let no header be set here.
    if (apiKey() !== '') url.searchParams.set('api_key', apiKey());
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#requests.length > 0) this.#configure(this.#requests[0]);
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lose(event.reason);
    };
  }

  /** @param {string} reason that the server gave */
  #lose(reason) {
    this.#socket = null;
    this.#cancelled = [];
    const requests = this.#requests;
    this.#requests = [];
    const why = reason === '' ? '' : ` (${reason})`;
    for (const { speech } of requests) {
      this.#listener.failed(speech, new ServiceError(
          `the connection to the server was lost${why}`, 0));
    }
  }

  /** @param {ArrayBuffer | string} data */
  #receive(data) {
    const request = this.#requests[0];
    if (typeof data !== 'string') {
      if (request === undefined) return;
      this.#listener.samples(request.speech, new Int16Array(data));
      return;
    }
    const message = JSON.parse(data);
    if (message.type === 'audio.cancelled') this.#keep(message);
    else if (request !== undefined) this.#handle(request, message);
  }

  /** @param {Request} request that is being spoken
   * @param {any} message */
  #handle(request, message) {
    const { speech } = request;
    switch (message.type) {
      case 'session.configured':
        this.#sendText(request);
        break;
      case 'audio.start':
        speech.addPiece(message);
        if (message.sentence_index === 0) this.#listener.started(speech);
        break;
      case 'audio.codes':
        speech.addCodes(message.codes);
        this.#listener.codes(speech);
        break;
      case 'audio.done':
        speech.endPiece(message);
        break;
      case 'session.done':
        // What failed before it started has been told.
        if (message.error === true && !speech.started) break;
        speech.end(message);
        this.#end();
        break;
      case 'error':
        this.#error = errorOf(message);
        // Of one that has started, the end is still to come.
        if (!speech.started) this.#end();
        break;
      default:  // a later server may tell more
    }
  }

  /** The present speech is over. */
  #end() {
    const request = this.#requests.shift();
    if (request === undefined) return;
    if (this.#error === null) this.#listener.done(request.speech);
    else this.#listener.failed(request.speech, this.#error);
    this.#begin();
  }

  /** @param {any} message */
  #keep(message) {
    const speech = this.#cancelled.shift();
    if (speech === undefined) return;
    speech.keep(message.kept_frames ?? 0, message.kept_text ?? '');
    this.#listener.kept(speech);
    // One of which the server had no text ends without another word.
    const request = this.#requests[0];
    if (speech === request?.speech && !request.sent) this.#end();
  }
}

/** @param {any} message */
function errorOf(message) {
  return new ServiceError(message.message, message.status ?? 500, message.code,
                          message.retry_after_s ?? null);
}
