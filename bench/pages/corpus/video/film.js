// The film: a slow pan over hills, clouds and a pond with ripples, grass in front and grain over all; 66 frames at 30 a
// second, painted and encoded at load, then played by a real <video> at a click. It plays once, so that the clip can end.
"use strict";
const WIDTH = 960;
const HEIGHT = 540;
const SHORE = 330; // where the water begins
const FRAMES = 66;
const RATE = 30;
const at = (id) => document.getElementById(id);
const poster = at("poster");
const breath = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

function tell(part) {
  at("state").textContent = `映像を準備しています　${Math.round(part * 100)} %`;
  at("progress").style.width = `${Math.round(part * 100)}%`;
}

function surface(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// Paints a wide layer, some lines at a time, so that the page goes on showing how far it is.
async function layer(width, height, paint) {
  const canvas = surface(width, height);
  const context = canvas.getContext("2d");
  const colour = [0, 0, 0, 255];
  for (let top = 0; top < height; top += 90) {
    const lines = Math.min(90, height - top);
    const picture = context.createImageData(width, lines);
    let p = 0;
    for (let y = top; y < top + lines; y += 1) {
      for (let x = 0; x < width; x += 1) {
        colour[3] = 255;
        paint(x, y, colour);
        picture.data.set(colour, p);
        p += 4;
      }
    }
    context.putImageData(picture, 0, top);
    done += 1;
    tell(done / STEPS);
    await breath();
  }
  return canvas;
}

const scene = surface(WIDTH, HEIGHT);
const stage = scene.getContext("2d", { alpha: false });
const MARGIN = 12; // the picture above the water is wider than the frame, so that ripples find pixels at its edges
const STEPS = 21 + FRAMES;
let done = 0;

async function paintLayers() {
  const noise = smoothNoise(0xf11);
  const sky = await layer(WIDTH + 80, SHORE + 10, (x, y, out) => {
    const h = y / SHORE;
    const sun = Math.exp(-((x - 660) ** 2 + (y - 250) ** 2 * 1.6) / 90000);
    out[0] = mix(86, 232, h) + sun * 60;
    out[1] = mix(132, 206, h) + sun * 38;
    out[2] = mix(190, 186, h) + sun * 6;
  });
  const clouds = await layer(WIDTH + 220, 260, (x, y, out) => {
    const thick = fractal(noise, x / 150, y / 62, 6);
    const light = 226 + (fractal(noise, x / 150 + 0.35, y / 62 - 0.3, 4) - thick) * 190;
    out[0] = light + 14;
    out[1] = light;
    out[2] = light - 6;
    out[3] = smoothstep(0.46, 0.68, thick) * 235 * smoothstep(260, 140, y);
  });
  const hill = (width, offset, base, high, colour, leaf) => layer(width, 180, (x, y, out) => {
    const ridge = base - high * fractal(noise, x / 300 + offset, offset, 7) - (leaf > 0.5 ? noise(x / 4, offset) * 9 : 0);
    if (y < ridge) {
      out[3] = 0;
      return;
    }
    const shade = 1 + (fractal(noise, x / (20 / leaf) + offset, y / (16 / leaf), 5) - 0.5) * 1.3 * leaf + (fractal(noise, x / 90, y / 60 + offset, 3) - 0.5) * 0.7 - (y - ridge) / 700;
    for (let c = 0; c < 3; c += 1) out[c] = colour[c] * shade + (1 - leaf) * 8;
  });
  const far = await hill(WIDTH + 100, 12, 150, 190, [150, 152, 172], 0.2);
  const middle = await hill(WIDTH + 160, 47, 165, 170, [98, 104, 104], 0.5);
  const near = await hill(WIDTH + 240, 83, 190, 150, [66, 62, 34], 1);
  const bank = await layer(WIDTH + 420, 150, (x, y, out) => {
    // Reeds: each column has its own height; they stand dark against the water.
    const tall = 60 + 70 * fractal(noise, x / 60, 3, 4) + noise(x / 2.3, 9) * 38;
    const depth = y - (150 - tall);
    if (depth < 0 || noise(x / 1.7, y / 40) * 40 > depth + 8) {
      out[3] = 0;
      return;
    }
    const light = 0.5 + noise(x / 1.9, y / 24) * 0.8 - depth / 320;
    out[0] = 126 * light;
    out[1] = 106 * light;
    out[2] = 52 * light;
  });
  const grain = await layer(512, 512, (x, y, out) => {
    const one = grainOf() + grainOf();
    out[0] = out[1] = out[2] = one > 1 ? 255 : 0;
    out[3] = Math.abs(one - 1) * 30;
  });
  return { sky, clouds, far, middle, near, bank, grain };
}
const grainOf = generator(0x9a1);

// One frame of the film. Everything depends on its number alone.
function paintFrame(number, layers, upper, chance) {
  const t = number / RATE;
  const sky = upper.getContext("2d");
  sky.drawImage(layers.sky, -t * 6, 0);
  sky.drawImage(layers.clouds, -t * 26, 0);
  sky.drawImage(layers.far, -t * 16, SHORE - 178);
  sky.drawImage(layers.middle, -t * 34, SHORE - 166);
  sky.drawImage(layers.near, -t * 62, SHORE - 160);
  stage.drawImage(upper, -MARGIN, 0);
  // The water mirrors what is above it, line by line; the ripples are wider the nearer they are.
  for (let y = SHORE; y < HEIGHT; y += 2) {
    const depth = y - SHORE;
    const phase = 900 / (depth + 24);
    const sway = Math.sin(phase * 4 - t * 5) + Math.sin(phase * 9.7 + t * 7.3) * 0.6;
    const from = Math.round(clamp(SHORE - 4 - depth * 1.35 + sway * (1 + depth * 0.09), 1, SHORE - 3));
    const aside = Math.round(Math.sin(phase * 6.1 + t * 4) * (1 + depth * 0.03));
    stage.drawImage(upper, 0, from, WIDTH + 2 * MARGIN, 2, aside - MARGIN, y, WIDTH + 2 * MARGIN, 2);
  }
  const tint = stage.createLinearGradient(0, SHORE, 0, HEIGHT);
  tint.addColorStop(0, "rgb(40 62 74 / 22%)");
  tint.addColorStop(1, "rgb(14 34 44 / 62%)");
  stage.fillStyle = tint;
  stage.fillRect(0, SHORE, WIDTH, HEIGHT - SHORE);
  stage.fillStyle = "rgb(255 232 196 / 50%)";
  const glints = generator(0x611);
  for (let n = 0; n < 420; n += 1) { // the low sun on the ripples: each glint comes and goes
    const depth = glints() ** 1.6 * (HEIGHT - SHORE);
    const place = 640 + (glints() - 0.5) * (190 + depth * 2.2) - t * 10;
    const shine = Math.sin(t * (4 + glints() * 8) + glints() * 7);
    if (shine > 0.35) stage.fillRect(place, SHORE + depth, (2 + depth / 14) * shine, 1 + depth / 120);
  }
  for (let strip = 0; strip < WIDTH; strip += 16) { // reeds, bent a little by the wind
    const lean = Math.sin(t * 3.1 + strip / 70) * 4 + Math.sin(t * 5.3 + strip / 23) * 1.5;
    stage.drawImage(layers.bank, Math.round(strip + t * 118), 0, 16, 150, strip, Math.round(392 + lean), 16, 150);
  }
  for (let y = -Math.floor(chance() * 512); y < HEIGHT; y += 512) {
    for (let x = -Math.floor(chance() * 512); x < WIDTH; x += 512) stage.drawImage(layers.grain, x, y);
  }
}

async function makeFilm() {
  const layers = await paintLayers();
  const upper = surface(WIDTH + 2 * MARGIN, SHORE);
  const chance = generator(0x777);
  const frames = [];
  let failed = null;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      frames.push({ time: Math.round(chunk.timestamp / 1000), key: chunk.type === "key", data });
    },
    error: (error) => { failed = error; },
  });
  encoder.configure({ codec: "vp8", width: WIDTH, height: HEIGHT, framerate: RATE, bitrate: 6_000_000, latencyMode: "realtime" });
  for (let number = 0; number < FRAMES; number += 1) {
    paintFrame(number, layers, upper, chance);
    const frame = new VideoFrame(scene, { timestamp: Math.round((number * 1e6) / RATE) });
    encoder.encode(frame, { keyFrame: number === 0 });
    frame.close();
    if (number === 0) poster.getContext("2d").drawImage(scene, 0, 0);
    done += 1;
    tell(done / STEPS);
    if (number % 2 === 1) await breath();
    while (encoder.encodeQueueSize > 4) await breath();
  }
  await encoder.flush();
  if (failed !== null) throw failed;
  return webm(WIDTH, HEIGHT, (FRAMES * 1000) / RATE, frames);
}

const film = at("film");
film.addEventListener("timeupdate", () => {
  at("time").textContent = `0:0${Math.floor(film.currentTime)} / 0:02`;
  at("progress").style.width = `${(film.currentTime / film.duration) * 100}%`;
});
at("start").addEventListener("click", () => {
  at("start").hidden = true;
  film.play();
});
makeFilm().then((blob) => {
  film.src = URL.createObjectURL(blob);
  film.addEventListener("loadeddata", () => {
    poster.remove();
    at("state").remove();
    at("progress").style.width = "0";
  }, { once: true });
}).catch((error) => {
  at("state").textContent = `映像を作れません: ${error}`;
});
