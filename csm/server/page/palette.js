// Colours of codes: from dark to bright along one scale, so that equal codes
// look equal and a picture of thousands stays calm.

const kStops = [
  [27, 31, 75], [36, 72, 143], [31, 138, 158], [92, 196, 141], [242, 229, 139],
];

/** One colour for each code.
 * @param {number} nCodes
 * @returns {Uint32Array} in the order of an ImageData's bytes */
export function makePalette(nCodes) {
  const palette = new Uint32Array(nCodes);
  const bytes = new Uint8ClampedArray(palette.buffer);
  for (let code = 0; code < nCodes; ++code) {
    const at = (code / Math.max(1, nCodes - 1)) * (kStops.length - 1);
    const idx = Math.min(Math.floor(at), kStops.length - 2);
    for (let channel = 0; channel < 3; ++channel) {
      const low = kStops[idx][channel];
      const high = kStops[idx + 1][channel];
      bytes[4 * code + channel] = low + (high - low) * (at - idx);
    }
    bytes[4 * code + 3] = 255;
  }
  return palette;
}
