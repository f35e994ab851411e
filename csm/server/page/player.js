// Plays a stream of samples without gaps while it is still arriving.
//
// Every chunk becomes a buffer source that starts at the sample where the one
// before ends. That needs no worklet, which browsers keep from pages of plain
// HTTP on another machine.

/** Sound that must have arrived before playing starts, in seconds. */
const kShortestWait = 0.08;
const kLongestWait = 4;
/** From deciding to play to the first sample. */
const kLead = 0.02;

export class Player {
  /** @type {AudioContext | null} */
  #context = null;
  #rate = 24000;
  /** @type {Float32Array<ArrayBuffer>[]} arrived, not yet scheduled */
  #waiting = [];
  #nWaiting = 0;
  #nScheduled = 0;
  /** When sample 0 sounds, were there no gap since. */
  #origin = 0;
  #running = false;
  /** Nothing was there to be played, and nothing has come since. */
  #gap = false;
  #ended = true;
  /** @type {Set<AudioBufferSourceNode>} */
  #sources = new Set();
  #wait = kShortestWait;
  #stopped = 0;

  /** Times that sound ran out before it had ended. */
  underruns = 0;
  /** performance.now() when the first sample is heard.
   * @type {number | null} */
  firstHeard = null;

  /** Must first be called by a press of a key or button. */
  unlock() {
    this.#context ??= new AudioContext({ sampleRate: this.#rate });
    if (this.#context.state !== 'running') {
      this.#context.resume().catch(() => {});
    }
  }

  /** The browser does not let the page sound yet. */
  get blocked() {
    return this.#context !== null && this.#context.state !== 'running';
  }

  /** Begins another stream; what still plays is stopped.
   * @param {number} rate in Hz */
  begin(rate) {
    this.stop();
    if (rate !== this.#rate) {
      this.#context?.close();
      this.#context = null;
      this.#rate = rate;
    }
    this.unlock();
    this.#waiting = [];
    this.#nWaiting = 0;
    this.#nScheduled = 0;
    this.#stopped = 0;
    this.#ended = false;
    this.#gap = false;
    this.underruns = 0;
    this.firstHeard = null;
  }

  /** @param {Int16Array} samples of the stream, the next in order */
  push(samples) {
    if (this.#ended || samples.length === 0) return;
    this.#waiting.push(Float32Array.from(samples, (value) => value / 32768));
    this.#nWaiting += samples.length;
    this.tick();
  }

  /** No more will come: what is there is played to its end. */
  finish() {
    if (this.#ended) return;
    this.#ended = true;
    if (this.underruns === 0) {
      this.#wait = Math.max(kShortestWait, this.#wait / 2);
    }
    this.tick();
  }

  /** Silence at once.
   * @returns {number} samples that were heard */
  stop() {
    this.#stopped = this.played;
    this.#running = false;
    this.#ended = true;
    this.#waiting = [];
    this.#nWaiting = 0;
    for (const source of this.#sources) source.stop();
    this.#sources.clear();
    return this.#stopped;
  }

  /** Samples that were heard. */
  get played() {
    if (!this.#running || this.#context === null) return this.#stopped;
    const heard = this.#heardTime(this.#context) - this.#origin;
    const samples = Math.floor(heard * this.#rate);
    return Math.min(Math.max(samples, this.#stopped), this.#nScheduled);
  }

  /** Seconds that are there to be played. */
  get buffered() {
    return (this.#nWaiting + this.#nScheduled - this.played) / this.#rate;
  }

  /** All of the stream was heard, or it was stopped. */
  get done() {
    return this.#ended && this.#nWaiting === 0 &&
        (!this.#running || this.played === this.#nScheduled);
  }

  /** Sound is to come, but none is there. */
  get starved() {
    return !this.#ended && !this.#running;
  }

  /** Schedules what can be; to be called often while a stream plays. */
  tick() {
    const context = this.#context;
    if (context === null || context.state !== 'running') return;
    if (this.#running && this.#end() <= context.currentTime) this.#runOut();
    if (this.#gap && this.#nWaiting > 0) this.#noteGap();
    if (!this.#running && this.#nWaiting > 0 &&
        (this.#ended || this.#nWaiting >= this.#wait * this.#rate)) {
      this.#run(context);
    }
    if (!this.#running) return;
    for (const samples of this.#waiting) this.#schedule(context, samples);
    this.#waiting = [];
    this.#nWaiting = 0;
  }

  #end() {
    return this.#origin + this.#nScheduled / this.#rate;
  }

  /** @param {AudioContext} context */
  #heardTime(context) {
    return context.currentTime - (context.outputLatency || 0);
  }

  /** What was scheduled has been played. */
  #runOut() {
    if (this.#ended && this.#nWaiting === 0) return;
    this.#stopped = this.#nScheduled;
    this.#running = false;
    this.#gap = true;
  }

  /** Sound goes on after a gap: more must arrive before it does. */
  #noteGap() {
    this.#gap = false;
    this.underruns += 1;
    this.#wait = Math.min(kLongestWait, this.#wait * 2);
  }

  /** @param {AudioContext} context */
  #run(context) {
    // On the grid of samples, so that chunks join without interpolation.
    const start =
        Math.ceil((context.currentTime + kLead) * this.#rate) / this.#rate;
    this.#origin = start - this.#nScheduled / this.#rate;
    this.#running = true;
    this.firstHeard ??= performance.now() + 1000 *
        (start - context.currentTime + (context.outputLatency || 0));
  }

  /** @param {AudioContext} context
   * @param {Float32Array<ArrayBuffer>} samples */
  #schedule(context, samples) {
    const buffer = context.createBuffer(1, samples.length, this.#rate);
    buffer.copyToChannel(samples, 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.onended = () => this.#sources.delete(source);
    source.start(this.#end());
    this.#sources.add(source);
    this.#nScheduled += samples.length;
  }
}
