// Draws a speech while it arrives: its waveform and its codes, on one axis of
// time, with the place that is heard now.

import { makePalette } from './palette.js';

/** @typedef {import('./speech.js').Speech} Speech */

/** A code's place. @typedef {{frame: number, codebook: number}} Cell */

/** Frames that the pictures show at least, so that they do not jump. */
const kFewestFrames = 50;
/** Rows of codebook 0, which alone comes from the backbone. */
const kFirstRows = 2;

/** @param {HTMLCanvasElement} canvas
 * @returns {{draw: CanvasRenderingContext2D, width: number, height: number}} */
function prepare(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const draw = canvas.getContext('2d');
  if (draw === null) throw new Error('this browser cannot draw on a canvas');
  draw.clearRect(0, 0, width, height);
  return { draw, width, height };
}

/** @param {string} name of a colour of page.css */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}

/** Frames on the axis of time.
 * @param {Speech | null} speech */
function shownFrames(speech) {
  return Math.max(kFewestFrames, speech === null ? 0 : speech.nFrames);
}

export class Pictures {
  #wave;
  #codes;
  /** One pixel for each code of the speech. */
  #cells = document.createElement('canvas');
  #nDrawn = 0;
  /** @type {Speech | null} */
  #speech = null;
  #dirty = true;
  #played = 0;
  #palette = makePalette(2048);
  /** @type {Cell | null} */
  #cursor = null;

  /** @param {HTMLCanvasElement} wave
   * @param {HTMLCanvasElement} codes */
  constructor(wave, codes) {
    this.#wave = wave;
    this.#codes = codes;
    const redraw = () => {
      this.#dirty = true;
    };
    new ResizeObserver(redraw).observe(wave);
    matchMedia('(prefers-color-scheme: dark)')
        .addEventListener('change', redraw);
  }

  /** @param {Speech | null} speech to be shown from now on */
  show(speech) {
    this.#speech = speech;
    this.#nDrawn = 0;
    this.#cursor = null;
    this.#dirty = true;
  }

  /** @param {number} n codes that a codebook of the model has */
  setCodes(n) {
    this.#palette = makePalette(n);
    this.show(this.#speech);
  }

  /** The cell that is pointed at. */
  get cursor() {
    return this.#cursor;
  }

  set cursor(cell) {
    this.#cursor = cell;
    this.#dirty = true;
  }

  /** More of the speech has arrived. */
  changed() {
    this.#dirty = true;
  }

  /** Draws if anything changed.
   * @param {number} played samples that were heard */
  draw(played) {
    if (!this.#dirty && played === this.#played) return;
    this.#dirty = false;
    this.#played = played;
    this.#drawWave();
    this.#drawCodes();
  }

  /** The code under a place of the picture.
   * @param {number} x from 0 to 1
   * @param {number} y from 0 to 1
   * @returns {Cell | null} */
  cellAt(x, y) {
    if (this.#speech === null) return null;
    const frame = Math.floor(x * shownFrames(this.#speech));
    const codes = this.#speech.columns[frame];
    if (codes === undefined) return null;
    const row = Math.floor(y * (codes.length - 1 + kFirstRows));
    const codebook = Math.max(0, row - kFirstRows + 1);
    return { frame, codebook: Math.min(codebook, codes.length - 1) };
  }

  /** Where the sample sounds on the axis of time, in pixels.
   * @param {number} samples
   * @param {number} width */
  #position(samples, width) {
    if (this.#speech === null) return 0;
    const frames = samples / this.#speech.frameSamples;
    return (frames / shownFrames(this.#speech)) * width;
  }

  #drawWave() {
    const { draw, width, height } = prepare(this.#wave);
    const middle = height / 2;
    draw.fillStyle = colour('--line');
    draw.fillRect(0, Math.round(middle), width, 1);
    const speech = this.#speech;
    if (speech === null) return;
    const heard = this.#position(this.#played, width);
    const step = Math.round(3 * (window.devicePixelRatio || 1));
    const perPixel = shownFrames(speech) * speech.frameSamples / width;
    for (const [fill, from, to] of /** @type {[string, number, number][]} */ ([
      ['--accent', 0, heard], ['--unplayed', heard, width]])) {
      draw.fillStyle = colour(fill);
      for (let x = Math.ceil(from / step) * step; x < to; x += step) {
        const peak = speech.peak(x * perPixel, (x + step) * perPixel);
        if (peak === null) break;
        const high = Math.max(1, peak * (height - 2) / 2);
        draw.fillRect(x, middle - high, step - 1, 2 * high);
      }
    }
    this.#drawHead(draw, heard, height);
  }

  #drawCodes() {
    const { draw, width, height } = prepare(this.#codes);
    draw.fillStyle = colour('--page');
    draw.fillRect(0, 0, width, height);
    const speech = this.#speech;
    if (speech === null || speech.columns.length === 0) return;
    this.#updateCells(speech);
    const nRows = this.#cells.height;
    const nFrames = speech.columns.length;
    const right = this.#position(nFrames * speech.frameSamples, width);
    const row = height / (nRows - 1 + kFirstRows);
    const top = Math.round(kFirstRows * row);
    draw.imageSmoothingEnabled = right < nFrames;
    draw.drawImage(this.#cells, 0, 0, nFrames, 1, 0, 0, right, top - 1);
    draw.drawImage(this.#cells, 0, 1, nFrames, nRows - 1, 0, top + 1, right,
                   height - top - 1);
    if (this.#cursor !== null) {
      const { frame, codebook } = this.#cursor;
      const y = codebook === 0 ? 0 : (codebook - 1 + kFirstRows) * row;
      draw.strokeStyle = colour('--text');
      draw.lineWidth = 2;
      draw.strokeRect(frame * right / nFrames, y, right / nFrames,
                      codebook === 0 ? top : row);
    }
    this.#drawHead(draw, this.#position(this.#played, width), height);
  }

  /** @param {CanvasRenderingContext2D} draw
   * @param {number} x
   * @param {number} height */
  #drawHead(draw, x, height) {
    if (this.#played === 0) return;
    draw.fillStyle = colour('--text');
    draw.fillRect(Math.round(x) - 1, 0, 2, height);
  }

  /** Paints codes that are new. @param {Speech} speech */
  #updateCells(speech) {
    const { columns } = speech;
    const nRows = speech.codes[0].length;
    const cells = this.#cells;
    if (this.#nDrawn === 0 || cells.width < columns.length) {
      cells.width = 2 * Math.max(columns.length, 128);
      cells.height = nRows;
      this.#nDrawn = 0;
    }
    const draw = cells.getContext('2d');
    const n = columns.length - this.#nDrawn;
    if (draw === null || n === 0) return;
    const image = draw.createImageData(n, nRows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let idx = 0; idx < n; ++idx) {
      const codes = columns[this.#nDrawn + idx];
      if (codes === undefined) continue;  // a pause
      for (let book = 0; book < nRows; ++book) {
        // Codes past the codec's have no colour of their own.
        pixels[book * n + idx] =
            this.#palette[Math.min(codes[book], this.#palette.length - 1)];
      }
    }
    draw.putImageData(image, this.#nDrawn, 0);
    this.#nDrawn = columns.length;
  }
}
