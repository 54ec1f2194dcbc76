// Puts VP8 chunks into a WebM file: one cluster, times in milliseconds, its length known, so that it can be sought in.
// MediaRecorder would do it too, but by the clock: on a busy machine it drops frames, and every film would be another.
"use strict";
const utf8 = (text) => new TextEncoder().encode(text);

// A number in as few bytes as it needs.
function bytesOf(number) {
  const bytes = [];
  do {
    bytes.unshift(number & 0xff);
    number = Math.floor(number / 256);
  } while (number > 0);
  return Uint8Array.from(bytes);
}

function element(id, ...content) {
  const parts = content.map((one) => (typeof one === "number" ? bytesOf(one) : typeof one === "string" ? utf8(one) : one));
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const name = bytesOf(id);
  const whole = new Uint8Array(name.length + 8 + size);
  whole.set(name);
  const view = new DataView(whole.buffer);
  view.setUint32(name.length, 0x01000000); // the size takes eight bytes, of which the first says so
  view.setUint32(name.length + 4, size);
  let at = name.length + 8;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function float64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

// Frames are { time, key, data }, times in milliseconds.
function webm(width, height, length, frames) {
  const blocks = frames.map(({ time, key, data }) => {
    const block = new Uint8Array(4 + data.length);
    block.set([0x81, time >> 8, time & 0xff, key ? 0x80 : 0]);
    block.set(data, 4);
    return element(0xa3, block);
  });
  const header = element(0x1a45dfa3, element(0x4286, 1), element(0x42f7, 1), element(0x42f2, 4), element(0x42f3, 8),
    element(0x4282, "webm"), element(0x4287, 2), element(0x4285, 2));
  const info = element(0x1549a966, element(0x2ad7b1, 1000000), element(0x4489, float64(length)), element(0x4d80, "shoji"), element(0x5741, "shoji"));
  const tracks = element(0x1654ae6b, element(0xae, element(0xd7, 1), element(0x73c5, 1), element(0x83, 1), element(0x86, "V_VP8"),
    element(0xe0, element(0xb0, width), element(0xba, height))));
  const cluster = element(0x1f43b675, element(0xe7, 0), ...blocks);
  return new Blob([header, element(0x18538067, info, tracks, cluster)], { type: "video/webm" });
}
