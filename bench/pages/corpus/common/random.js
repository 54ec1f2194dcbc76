// Repeatable chance: the same seed gives the same picture on every machine and in every run.
"use strict";
function generator(seed) { // mulberry32: small, repeatable, good enough for pictures
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Smooth noise from 0 to 1 over a lattice that repeats every 256 units.
function smoothNoise(seed) {
  const random = generator(seed);
  const lattice = Float32Array.from({ length: 65536 }, random);
  return (x, y) => {
    const fx = Math.floor(x);
    const fy = Math.floor(y);
    let u = x - fx;
    let v = y - fy;
    u *= u * (3 - 2 * u);
    v *= v * (3 - 2 * v);
    const x0 = fx & 255;
    const x1 = (fx + 1) & 255;
    const y0 = (fy & 255) << 8;
    const y1 = ((fy + 1) & 255) << 8;
    const top = lattice[y0 | x0] + (lattice[y0 | x1] - lattice[y0 | x0]) * u;
    const bottom = lattice[y1 | x0] + (lattice[y1 | x1] - lattice[y1 | x0]) * u;
    return top + (bottom - top) * v;
  };
}

// Several octaves of it, again from 0 to 1: clouds, stone, leaves.
function fractal(noise, x, y, octaves) {
  let sum = 0;
  let weight = 0.5;
  let total = 0;
  for (let n = 0; n < octaves; n += 1) {
    sum += weight * noise(x, y);
    total += weight;
    weight *= 0.5;
    x = x * 2.03 + 17.1;
    y = y * 2.03 + 9.7;
  }
  return sum / total;
}

const clamp = (value, low, high) => (value < low ? low : value > high ? high : value);
const mix = (a, b, t) => a + (b - a) * t;
function smoothstep(low, high, value) {
  const t = clamp((value - low) / (high - low), 0, 1);
  return t * t * (3 - 2 * t);
}
