// The page: text in, speech out, alone or as turns of a conversation.

import { Connection } from './connection.js';
import { History } from './history.js';
import { Notice } from './notice.js';
import { $ } from './page.js';
import { makeReceipt, speakerAndContext } from './receipt.js';
import { checkReady, listVoices, loadedModel, rememberKey, serverVersion }
  from './service.js';
import { checkSettings, readSettings, restoreSettings, writeSettings }
  from './settings.js';
import { Speech } from './speech.js';
import { Stage } from './stage.js';
import { Talk } from './talk.js';

/** @typedef {import('./speech.js').Settings} Settings
 * @typedef {import('./service.js').ServiceError} ServiceError
 * @typedef {import('./service.js').Model} Model
 * @typedef {import('./service.js').Voice} Voice */

const kPollMs = 1000;

class Page {
  #notice = new Notice();
  #stage = new Stage({ ended: (speech) => this.#ended(speech),
                       blocked: () => this.#askForPress() });
  #history = new History({ play: (speech) => this.#replay(speech),
                           again: (speech) => this.#again(speech),
                           receipt: (speech) => makeReceipt(
                               speech, this.#modelId, this.#version) });
  #talk = new Talk();
  #alone = this.#makeConnection();
  #talking = this.#makeConnection();
  #text = $(HTMLTextAreaElement, 'text');
  #speak = $(HTMLButtonElement, 'speak');
  #stop = $(HTMLButtonElement, 'stop');
  /** What is being spoken or played for the first time.
   * @type {Speech | null} */
  #live = null;
  /** Of that, more is to come. */
  #arriving = false;
  /** @type {Voice[]} */
  #voices = [];
  /** @type {Model | null} */
  #model = null;
  #version = '';
  /** Until the server is asked again. @type {number | undefined} */
  #timer;

  start() {
    $(HTMLFormElement, 'composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#say();
    });
    this.#stop.addEventListener('click', () => this.#halt());
    document.addEventListener('keydown', (event) => this.#key(event));
    for (const mode of document.getElementsByName('mode')) {
      mode.addEventListener('change', () => this.#showMode());
    }
    $(HTMLSelectElement, 'voice')
        .addEventListener('change', () => this.#takeVoice());
    $(HTMLButtonElement, 'new-talk')
        .addEventListener('click', () => this.#newTalk());
    const key = $(HTMLInputElement, 'key');
    const useKey = () => {
      rememberKey(key.value);
      this.#greet();
    };
    $(HTMLButtonElement, 'use-key').addEventListener('click', useKey);
    key.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      useKey();
    });
    const wide = matchMedia('(min-width: 860px)').matches;
    $(HTMLDetailsElement, 'settings').open = wide;
    restoreSettings();
    this.#showMode();
    this.#greet();
  }

  get #inTalk() {
    return $(HTMLInputElement, 'mode-talk').checked;
  }

  get #modelId() {
    return this.#model?.id ?? '';
  }

  // The server

  /** Waits for the server and learns what it offers. */
  async #greet() {
    clearTimeout(this.#timer);
    $(HTMLDivElement, 'key-box').hidden = true;
    try {
      await checkReady();
      this.#voices = await listVoices();
      this.#model = await loadedModel();
      this.#version = await serverVersion();
    } catch (error) {
      this.#greetLater(/** @type {ServiceError} */ (error));
      return;
    }
    this.#listVoices();
    this.#stage.setCodes(this.#model.n_codes);
    $(HTMLSpanElement, 'version').textContent =
        `csm ${this.#version}, model ${this.#modelId}.`;
    this.#setStatus('ready', 'Ready');
    this.#speak.disabled = false;
  }

  /** @param {ServiceError} error */
  #greetLater(error) {
    this.#speak.disabled = true;
    if (error.status === 401) {
      this.#setStatus('lost', 'Key needed');
      $(HTMLDivElement, 'key-box').hidden = false;
      return;
    }
    if (error.code === 'shutting_down') {
      this.#setStatus('lost', 'Going down');
    } else if (error.code === 'overloaded') {
      this.#setStatus('loading', 'Busy');
    } else if (error.status === 503) {
      this.#setStatus('loading', 'Loading model');
    } else {
      this.#setStatus('lost', 'No server');
    }
    this.#timer = setTimeout(() => this.#greet(), kPollMs);
  }

  /** @param {string} state
   * @param {string} text */
  #setStatus(state, text) {
    const status = $(HTMLParagraphElement, 'status');
    if (status.textContent !== text) status.textContent = text;
    status.dataset.state = state;
  }

  #makeConnection() {
    return new Connection({
      started: (speech) => {
        if (speech === this.#live) this.#stage.begin(speech);
      },
      samples: (speech, samples) => {
        speech.addSamples(samples);
        if (speech === this.#live) this.#stage.push(samples);
      },
      codes: (speech) => {
        if (speech === this.#live) this.#stage.changed();
      },
      done: (speech) => this.#arrived(speech),
      kept: (speech) => this.#talk.update(speech),
      failed: (speech, error) => this.#failed(speech, error),
    });
  }

  // Speaking

  #say() {
    const text = this.#text.value.trim();
    if (this.#speak.disabled || !checkSettings()) return;
    if (text === '') {
      this.#notice.show('There is no text to speak.');
      this.#text.focus();
      return;
    }
    this.#notice.hide();
    this.#stage.unlock();
    this.#interrupt();
    const speech = new Speech(text, readSettings(),
                              this.#inTalk ? this.#talk.nextTurn() : null);
    this.#ask(speech);
    if (speech.turn !== null) this.#prepareAnswer(speech.settings);
  }

  /** @param {Speech} speech */
  #ask(speech) {
    this.#live = speech;
    this.#arriving = true;
    this.#stop.disabled = false;
    this.#stage.await(speech);
    const { turn } = speech;
    if (turn === null) {
      this.#alone.speak(speech, { ...configOf(speech),
                                  ...speakerAndContext(speech) });
      return;
    }
    // A connection that was lost has taken the turns before with it.
    const lost = !this.#talking.open && turn.before.length > 0;
    const { voice, speaker } = speech.settings;
    this.#talk.add(speech);
    this.#talking.speak(speech, {
      ...configOf(speech),
      ...(lost ? speakerAndContext(speech)
               : { ...(voice === '' ? {} : { voice }), speaker }),
    });
  }

  /** All of a speech has arrived. @param {Speech} speech */
  #arrived(speech) {
    if (speech.nSamples > 0) this.#history.add(speech);
    else this.#talk.drop(speech);
    this.#talk.update(speech);
    if (speech !== this.#live) return;
    this.#arriving = false;
    this.#stage.finish();
  }

  /** @param {Speech} speech
   * @param {ServiceError} error */
  #failed(speech, error) {
    speech.problem = 'not whole';
    if (speech.nSamples > 0) this.#history.add(speech);
    else this.#talk.drop(speech);
    if (error.status === 0 || error.status === 401) this.#greet();
    if (speech !== this.#live) return;
    if (speech.nSamples > 0) {
      this.#arriving = false;
      this.#stage.finish();
    } else {
      this.#stage.stop('Failed');
      this.#live = null;
      this.#stop.disabled = true;
    }
    this.#explain(speech, error);
  }

  /** @param {Speech} speech
   * @param {ServiceError} error */
  #explain(speech, error) {
    if (error.status === 429) {
      this.#notice.offer(`The server is busy: ${error.message}`, 'Try again',
                         () => this.#retry(speech), error.retrySeconds ?? 1);
    } else if (error.status === 0) {
      const kept = speech.nSamples > 0 ? ' What had arrived is kept.' : '';
      this.#notice.offer(`Sorry, ${error.message}.${kept}`, 'Try again',
                         () => this.#retry(speech));
    } else {
      this.#notice.show(`The server refused: ${error.message}`);
    }
  }

  /** The same again, as a turn of the conversation as it is now.
   * @param {Speech} failed */
  #retry(failed) {
    this.#stage.unlock();
    this.#interrupt();
    this.#talk.drop(failed);
    this.#ask(new Speech(failed.text, failed.settings,
                         failed.turn === null ? null : this.#talk.nextTurn()));
  }

  /** A speech was heard to its end. @param {Speech} speech */
  #ended(speech) {
    this.#stop.disabled = true;
    if (speech === this.#live) this.#live = null;
  }

  #halt() {
    if (this.#live !== null) this.#interrupt();
    else this.#stage.stop('Stopped');
    this.#stop.disabled = true;
  }

  /** Ends what is being spoken where it is heard now. */
  #interrupt() {
    const speech = this.#live;
    if (speech === null) return;
    this.#live = null;
    speech.cutAt = this.#stage.stop('Stopped');
    const playedMs = 1000 * speech.cutAt / speech.sampleRate;
    if (speech.turn !== null) this.#talking.cancel(speech, playedMs);
    else if (this.#arriving) this.#alone.cancel(speech, playedMs);
    this.#talk.update(speech);
  }

  /** @param {Speech} speech */
  #replay(speech) {
    this.#interrupt();
    this.#stage.unlock();
    this.#stop.disabled = false;
    this.#stage.replay(speech);
  }

  /** @param {Speech} speech */
  #again(speech) {
    this.#text.value = speech.text;
    writeSettings(speech.settings);
    this.#text.focus();
  }

  #askForPress() {
    this.#notice.offer('The browser is silent until you press something.',
                       'Let it sound', () => this.#stage.unlock());
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#say();
    } else if (event.key === 'Escape' && !this.#stop.disabled) {
      this.#halt();
    }
  }

  // The form

  #showMode() {
    const talk = this.#inTalk;
    $(HTMLElement, 'talk').hidden = !talk;
    $(HTMLLabelElement, 'text-label').textContent =
        talk ? 'What is said next' : 'Text';
  }

  #newTalk() {
    this.#interrupt();
    this.#talking.close();
    this.#talk.clear();
    this.#text.focus();
  }

  #listVoices() {
    const select = $(HTMLSelectElement, 'voice');
    const chosen = select.value;
    select.replaceChildren(new Option('None', ''), ...this.#voices.map(
        (voice) => new Option(voice.name, voice.id)));
    select.value = chosen;
  }

  /** The speaker that a voice belongs to. */
  #takeVoice() {
    const id = $(HTMLSelectElement, 'voice').value;
    const voice = this.#voices.find((candidate) => candidate.id === id);
    if (voice !== undefined) {
      $(HTMLInputElement, 'speaker').value = String(voice.speaker);
    }
  }

  /** Empties the text and lets the other one speak next.
   * @param {Settings} settings of the turn that was just begun */
  #prepareAnswer(settings) {
    this.#text.value = '';
    if (!$(HTMLInputElement, 'alternate').checked) return;
    const answerer = this.#talk.answerer(settings);
    const other = settings.speaker === 0 ? 1 : 0;
    const voice = settings.voice === '' ? undefined
        : this.#voices.find(({ speaker }) => speaker === other);
    $(HTMLSelectElement, 'voice').value = answerer?.voice ?? voice?.id ?? '';
    $(HTMLInputElement, 'speaker').value =
        String(answerer?.speaker ?? other);
  }
}

/** @param {Speech} speech */
function configOf({ settings, turn }) {
  return {
    seed: settings.seed,
    temperature: settings.temperature,
    top_k: settings.topK,
    max_audio_ms: settings.maxAudioMs,
    response_format: 'pcm',
    stream_audio: true,
    split: 'none',
    codes: true,
    conversation: turn !== null,
  };
}

new Page().start();
