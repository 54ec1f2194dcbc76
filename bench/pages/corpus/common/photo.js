// Pictures that a codec cannot tell from photographs: landscapes, water, buildings, a market and a night, painted pixel by
// pixel from noise, with haze, shadows, a lens's dark corners and film grain. Needs random.js.
"use strict";

// What the camera sees in each season: sky above, sky at the horizon, far and near hills, the ground.
const SEASONS = {
  summer: { zenith: [70, 128, 196], horizon: [196, 216, 228], far: [128, 152, 176], near: [38, 70, 34], ground: [112, 146, 62] },
  autumn: { zenith: [92, 138, 190], horizon: [226, 220, 206], far: [142, 150, 166], near: [116, 66, 32], ground: [178, 146, 74] },
  winter: { zenith: [142, 162, 186], horizon: [222, 226, 230], far: [176, 188, 202], near: [98, 108, 112], ground: [232, 236, 240] },
  evening: { zenith: [62, 74, 128], horizon: [244, 176, 118], far: [138, 104, 122], near: [38, 34, 40], ground: [84, 70, 58] },
};

// One painter per kind of picture: called as paint(x, y, out) with x and y in picture heights, y downwards.
const PAINTERS = {
  valley: (seed, season) => landscape(seed, SEASONS[season], false),
  river: (seed, season) => landscape(seed, SEASONS[season], true),
  hall: (seed, season) => building(seed, SEASONS[season]),
  market: (seed) => market(seed),
  night: (seed) => night(seed),
};

function landscape(seed, season, water) {
  const noise = smoothNoise(seed);
  const random = generator(seed ^ 0x9e37);
  const sunX = 0.4 + random();
  const shore = water ? 0.6 : 0.66;
  const layers = [0.25, 0.5, 0.78, 1].map((near, n) => ({ near, base: 0.34 + n * 0.085, high: 0.2 - n * 0.025, at: n * 41 + random() * 90 }));
  const above = (x, y, out) => {
    // Sky, then the hills from far to near: the last one that covers the place wins.
    const height = clamp(y / 0.55, 0, 1);
    const cloud = smoothstep(0.47, 0.72, fractal(noise, x * 2.2 + 5, y * 5.5, 6)) * (1 - height * 0.45);
    const lit = 236 + 26 * (fractal(noise, x * 5 + 31, y * 9, 4) - 0.5) * 2;
    const glow = Math.exp(-((x - sunX) ** 2 + (y - 0.4) ** 2) * 5) * 26;
    for (let c = 0; c < 3; c += 1) out[c] = mix(mix(season.zenith[c], season.horizon[c], height) + glow, mix(lit, season.horizon[c], 0.25), cloud * 0.9);
    for (const layer of layers) {
      const ridge = layer.base + layer.high * (0.55 - fractal(noise, x * (1.6 + layer.near) + layer.at, layer.at, 7));
      const rough = layer.near > 0.7 ? (noise(x * 190 + layer.at, 3) - 0.5) * 0.014 * layer.near : 0;
      if (y < ridge + rough) continue;
      const depth = y - ridge;
      const leaf = fractal(noise, x * 46 * layer.near + layer.at, y * 60 * layer.near, 5) - 0.5;
      const slope = fractal(noise, x * 7 + layer.at, y * 4 + 11, 4) - 0.5;
      const shade = 1 + (leaf * 1.5 * layer.near + slope * 0.9) * (0.35 + layer.near * 0.65) - depth * 0.5;
      for (let c = 0; c < 3; c += 1) out[c] = mix(season.far[c], season.near[c], layer.near * layer.near) * shade + (1 - layer.near) * 8;
    }
  };
  const ground = (x, y, out) => {
    // Fields in perspective: furrows run to a point beyond the shore, cloud shadows lie across them.
    const depth = 1 / (y - shore + 0.05);
    const furrow = Math.sin((x - 0.85) * depth * 21 + noise(x * 3, y * 9) * 2.4) * smoothstep(0.0, 0.22, y - shore);
    const grass = fractal(noise, x * depth * 12, depth * 30, 3) - 0.5 + (fractal(noise, x * 90, y * 130, 3) - 0.5) * 0.8;
    const plot = noise(x * depth * 0.9 + 7, depth * 1.3) > 0.52 ? 1 : 0.82;
    const shadow = 0.74 + 0.34 * smoothstep(0.38, 0.6, fractal(noise, x * 2 + 60, y * 5, 3));
    for (let c = 0; c < 3; c += 1) out[c] = season.ground[c] * plot * shadow * (1 + furrow * 0.13 + grass * 0.62);
  };
  return (x, y, out) => {
    if (y < shore) return above(x, y, out);
    if (!water) return ground(x, y, out);
    const depth = y - shore;
    if (depth > 0.3 + 0.06 * fractal(noise, x * 3 + 2, 8, 5)) return ground(x, y, out);
    // Water: the far bank upside down, pulled about by ripples that grow towards us.
    const ripple = fractal(noise, x * 9 / (0.2 + depth), 26 / (0.08 + depth), 4) - 0.5;
    above(x + ripple * 0.03, clamp(shore - depth * 1.25 - 0.01 + ripple * (0.05 + depth * 0.35), 0, shore), out);
    const glint = ripple > 0.16 ? 34 : 0;
    out[0] = out[0] * 0.74 + 10 + glint;
    out[1] = out[1] * 0.78 + 16 + glint;
    out[2] = out[2] * 0.8 + 22 + glint;
  };
}

function building(seed, season) {
  const noise = smoothNoise(seed);
  const random = generator(seed ^ 0x51d);
  const left = 0.28 + random() * 0.12;
  const right = 1.42 + random() * 0.16;
  const roof = 0.2 + random() * 0.06;
  const foot = 0.76;
  const floors = 3 + Math.floor(random() * 2);
  const sky = landscape(seed + 3, season, false);
  return (x, y, out) => {
    if (y > foot) { // forecourt: pavement joints in perspective, the building's and a tree's shadow
      const depth = 1 / (y - foot + 0.12);
      const joint = Math.abs(((x - 0.9) * depth * 3.1) % 1) < 0.02 * depth * 0.3 || Math.abs((depth * 4) % 1) < 0.05 ? 0.86 : 1;
      const stone = fractal(noise, x * 120, y * 160, 4) - 0.5;
      const dapple = smoothstep(0.44, 0.56, fractal(noise, x * 16, y * 34, 4));
      const shade = y - foot < 0.06 + 0.04 * (x - left) ? 0.56 : mix(0.66, 1, dapple);
      out[0] = 176 * joint * shade * (1 + stone * 0.4);
      out[1] = 172 * joint * shade * (1 + stone * 0.4);
      out[2] = (164 * joint + (1 - shade) * 26) * shade * (1 + stone * 0.4);
      return;
    }
    const treeX = x - 0.2 + (noise(y * 5, 2) - 0.5) * 0.02;
    const crown = (treeX * treeX) / 0.05 + ((y - 0.4) ** 2) / 0.06 + (fractal(noise, x * 13, y * 13, 4) - 0.5) * 1.5;
    if (crown < 1 && fractal(noise, x * 34, y * 34, 3) > 0.36) {
      const leaf = fractal(noise, x * 70, y * 70, 4);
      const light = 0.45 + leaf * 0.9 - (y - 0.4) * 0.8;
      out[0] = mix(season.near[0], season.ground[0], leaf) * light;
      out[1] = mix(season.near[1], season.ground[1], leaf) * light;
      out[2] = mix(season.near[2], season.ground[2], leaf) * light * 0.8;
      return;
    }
    if (y > 0.5 && Math.abs(treeX) < 0.012) {
      const bark = fractal(noise, x * 150, y * 30, 3);
      out[0] = 60 + bark * 70;
      out[1] = 48 + bark * 60;
      out[2] = 38 + bark * 50;
      return;
    }
    if (x < left || x > right || y < roof) {
      sky(x, y * 0.82, out);
      return;
    }
    const column = ((x - left) / (right - left)) * 13;
    const storey = ((y - roof - 0.03) / (foot - roof - 0.03)) * floors;
    const inColumn = column - Math.floor(column);
    const inStorey = storey - Math.floor(storey);
    const window = storey > 0 && inColumn > 0.16 && inColumn < 0.84 && inStorey > 0.26 && inStorey < 0.8;
    const stain = fractal(noise, x * 24, y * 5, 5) - 0.5;
    const tile = (fractal(noise, x * 210, y * 210, 2) - 0.5) * 0.18;
    if (window && Math.abs(inColumn - 0.5) > 0.012) {
      sky(x * 1.3 + 0.4, 0.34 - inStorey * 0.22 + Math.floor(storey) * 0.02, out);
      const room = noise(Math.floor(column) * 7.3, Math.floor(storey) * 5.1);
      const dim = 0.32 + room * 0.4 - (inStorey < 0.36 ? 0.2 : 0);
      for (let c = 0; c < 3; c += 1) out[c] = out[c] * dim + 14;
      return;
    }
    const shade = inStorey > 0.8 || inStorey < 0.06 ? 0.8 : 1;
    const side = mix(1.04, 0.86, (x - left) / (right - left));
    out[0] = 214 * shade * side * (1 + stain * 0.24 + tile);
    out[1] = 206 * shade * side * (1 + stain * 0.26 + tile);
    out[2] = 190 * shade * side * (1 + stain * 0.3 + tile);
  };
}

function market(seed) {
  // Fruit and roots heaped in crates: each place belongs to the nearest of the round things around it.
  const noise = smoothNoise(seed);
  const random = generator(seed ^ 0x77);
  const kinds = [[206, 78, 30], [196, 40, 36], [228, 214, 196], [104, 138, 46], [222, 158, 40]];
  const cell = 0.085;
  const across = 32;
  const things = Array.from({ length: across * across }, () => [random(), random(), 0.62 + random() * 0.4, random()]);
  return (x, y, out) => {
    const crate = clamp(Math.floor(x / 0.46), 0, 9);
    const edge = Math.abs(x / 0.46 - crate - 0.5);
    const row = Math.floor(y / 0.52);
    const lip = Math.abs(y / 0.52 - row - 0.02);
    if (edge > 0.475 || lip < 0.04) { // the crate's boards
      const grain = fractal(noise, x * (edge > 0.475 ? 160 : 14), y * (edge > 0.475 ? 14 : 160), 4);
      const light = 0.6 + grain * 0.7;
      out[0] = 168 * light;
      out[1] = 128 * light;
      out[2] = 82 * light;
      return;
    }
    const cx = Math.floor(x / cell);
    const cy = Math.floor(y / cell);
    let best = 9;
    let bx = 0;
    let by = 0;
    let thing = things[0];
    for (let j = -1; j <= 1; j += 1) {
      for (let i = -1; i <= 1; i += 1) {
        const one = things[((cy + j) & 31) * across + ((cx + i) & 31)];
        const dx = x / cell - (cx + i + one[0]);
        const dy = y / cell - (cy + j + one[1]);
        const far = Math.sqrt(dx * dx + dy * dy) / one[2];
        if (far < best) [best, bx, by, thing] = [far, dx / one[2], dy / one[2], one];
      }
    }
    const colour = kinds[(crate + row * 2 + seed) % kinds.length];
    const height = Math.sqrt(Math.max(0, 1 - best * best));
    const skin = fractal(noise, x * 60 + thing[3] * 99, y * 60, 4) - 0.5;
    const pores = noise(x * 320, y * 320) - 0.5;
    const light = clamp(0.2 + height * 0.62 - bx * 0.3 - by * 0.42, 0.07, 1.3) * (best > 0.93 ? 0.55 : 1);
    const gloss = Math.max(0, 1 - ((bx + 0.32) ** 2 + (by + 0.38) ** 2) * 16) ** 2 * 120;
    for (let c = 0; c < 3; c += 1) out[c] = colour[c] * light * (1 + skin * 0.5 + pores * 0.16) * (0.86 + thing[3] * 0.28) + gloss;
  };
}

function night(seed) {
  // A festival street: paper lanterns in two rows, lights out of focus behind, wet paving before.
  const noise = smoothNoise(seed);
  const random = generator(seed ^ 0x3a3);
  const lanterns = Array.from({ length: 15 }, (_, n) => {
    const depth = 0.35 + ((n >> 1) / 7) * 0.65;
    const side = n % 2 === 0 ? -1 : 1;
    return { x: 0.89 + side * (0.1 + depth * 0.72 + random() * 0.03), y: 0.43 - depth * 0.2, size: depth * 0.085, warm: random() };
  });
  const lights = Array.from({ length: 46 }, () => ({ x: random() * 1.8, y: 0.28 + random() * 0.3, size: 0.012 + random() * 0.03, hue: random() }));
  const scene = (x, y, out) => {
    const haze = fractal(noise, x * 3, y * 3, 5);
    out[0] = 16 + haze * 26 + Math.max(0, 0.6 - Math.abs(y - 0.5) * 2) * 60;
    out[1] = 16 + haze * 22 + Math.max(0, 0.6 - Math.abs(y - 0.5) * 2) * 36;
    out[2] = 30 + haze * 34;
    for (const light of lights) {
      const far = ((x - light.x) ** 2 + (y - light.y) ** 2) / (light.size * light.size);
      if (far > 1.3) continue;
      const bright = smoothstep(1.3, 0.8, far) * (0.5 + far * 0.35);
      out[0] += 150 * bright * (0.6 + light.hue * 0.4);
      out[1] += 110 * bright * (1 - Math.abs(light.hue - 0.5));
      out[2] += 90 * bright * (1 - light.hue);
    }
    for (const lantern of lanterns) {
      const dx = (x - lantern.x) / lantern.size;
      const dy = (y - lantern.y) / (lantern.size * 1.25);
      const far = dx * dx + dy * dy;
      if (far > 9) continue;
      const glow = Math.exp(-far * 0.75);
      if (far < 1) {
        const rib = 0.86 + 0.14 * Math.cos(dy * 22);
        const paper = (0.8 + (fractal(noise, x * 130, y * 130, 3) - 0.5) * 0.4) * rib * (1.15 - far * 0.55);
        out[0] = 255 * paper;
        out[1] = mix(120, 176, lantern.warm) * paper;
        out[2] = mix(44, 88, lantern.warm) * paper;
      } else {
        out[0] += 130 * glow;
        out[1] += 66 * glow;
        out[2] += 20 * glow;
      }
    }
  };
  return (x, y, out) => {
    if (y < 0.68) return scene(x, y, out);
    const depth = y - 0.68;
    const ripple = fractal(noise, x * 24, y * 60, 4) - 0.5;
    scene(x + ripple * 0.05, clamp(0.66 - depth * 1.5 + ripple * 0.16, 0, 0.66), out);
    const stone = fractal(noise, x * 60, y * 100, 4);
    for (let c = 0; c < 3; c += 1) out[c] = out[c] * (0.25 + stone * 0.45) + stone * 16;
  };
}

// Paints a picture: the painter's colours, darker corners, grain that is strongest in the middle tones.
function photograph(width, height, kind, seed, season = "summer") {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const picture = context.createImageData(width, height);
  develop(picture, PAINTERS[kind](seed, season), generator(seed ^ 0xf11a));
  context.putImageData(picture, 0, 0);
  return canvas;
}

function develop(picture, paint, random) {
  const { width, height, data } = picture;
  const colour = [0, 0, 0];
  let at = 0;
  for (let row = 0; row < height; row += 1) {
    const down = row / height - 0.5;
    for (let column = 0; column < width; column += 1) {
      paint(column / height, row / height, colour);
      const side = column / width - 0.5;
      const corner = 1.03 - (side * side + down * down) * 0.5;
      const grain = (random() + random() - 1) * 9;
      const tint = (random() - 0.5) * 5;
      data[at] = colour[0] * corner + grain + tint;
      data[at + 1] = colour[1] * corner + grain;
      data[at + 2] = colour[2] * corner + grain - tint;
      data[at + 3] = 255;
      at += 4;
    }
  }
}

// The same as an <img>, through JPEG, so that it carries JPEG's blocks. The promise ends when it has been decoded.
async function showPhotograph(image, kind, seed, season) {
  const canvas = photograph(Number(image.getAttribute("width")), Number(image.getAttribute("height")), kind, seed, season);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  image.src = URL.createObjectURL(blob);
  await image.decode();
}
