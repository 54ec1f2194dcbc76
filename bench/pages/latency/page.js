// The page that the bench measures with. It answers each input with a 16-bit code painted in the same frame as the content,
// and keeps the moment of each code in memory until the bench asks for it. While it is measured it talks to nobody.
"use strict";
const arm = new URLSearchParams(location.search).get("arm") || "?";
const content = document.getElementById("content");
const strips = ["top", "bottom"].map((id) => {
  const strip = document.getElementById(id);
  const rows = [[], []];
  for (let row = 0; row < 2; row += 1) {
    for (let bit = 0; bit < 16; bit += 1) {
      const block = document.createElement("i");
      block.style.left = `${bit * 24}px`;
      block.style.top = `${row * 24}px`;
      strip.append(block);
      rows[row].push(block);
    }
  }
  return rows;
});

let code = 0;
let painted = null; // the bits that the strips show now
let log = []; // [code, milliseconds of performance.now() when its handler or its animation frame began]
const LOG_LIMIT = 8192; // two minutes of animation frames; the bench asks far more often

// Only bits that change are touched. The second row is the inverse, so a half-painted strip can never read as a code.
function paint(value) {
  for (let bit = 0; bit < 16; bit += 1) {
    const on = (value >> (15 - bit)) & 1;
    if (painted !== null && ((painted >> (15 - bit)) & 1) === on) continue;
    for (const rows of strips) {
      rows[0][bit].className = on ? "on" : "";
      rows[1][bit].className = on ? "" : "on";
    }
  }
  painted = value;
}

function next(began) {
  code = (code + 1) & 0xffff;
  if (log.length < LOG_LIMIT) log.push([code, began]);
  paint(code);
}

// --- modes: each sets its content up and says what an input does and what an animation frame does -------------------

const PAGES = 12;
let pages = [];
let pageNumber = 0;
let onKey = null;
let onFrame = null;
let running = false;

const modes = {
  still() {
    content.innerHTML = wholePage(900);
  },
  key() {
    content.innerHTML = wholePage(901);
    onKey = (event, began) => {
      event.preventDefault();
      next(began);
    };
  },
  typing() {
    const lines = plainText(10);
    content.innerHTML = '<div class="form"><h2>申請の理由</h2><textarea spellcheck="false" autocomplete="off"></textarea></div>';
    const area = content.querySelector("textarea");
    const before = `${lines.slice(0, 5).join("\n")}\n`;
    area.value = `${before}\n${lines.slice(5).join("\n")}`;
    area.addEventListener("input", () => {
      next(performance.now());
    });
    area.focus();
    area.setSelectionRange(before.length, before.length);
  },
  page() {
    if (pages.length === 0) for (let n = 0; n < PAGES; n += 1) pages.push(wholePage(n));
    content.innerHTML = pages[pageNumber];
    onKey = (event, began) => {
      event.preventDefault();
      pageNumber = (pageNumber + 1) % PAGES;
      content.innerHTML = pages[pageNumber];
      next(began);
    };
  },
  scroll() {
    content.innerHTML = `<div id="scroller">${longText()}</div>`;
    const scroller = document.getElementById("scroller");
    let step = 6;
    onFrame = () => {
      const before = scroller.scrollTop;
      scroller.scrollTop = before + step;
      if (scroller.scrollTop === before) step = -step;
    };
  },
  animation() {
    content.innerHTML = '<canvas width="1280" height="720"></canvas>';
    const drawing = content.querySelector("canvas").getContext("2d", { alpha: false });
    const moving = discs(60, 1280, 720);
    const draw = () => {
      drawing.fillStyle = "#f4f1e8";
      drawing.fillRect(0, 0, 1280, 720);
      for (const disc of moving) {
        disc.x += disc.dx;
        disc.y += disc.dy;
        if (disc.x < 0 || disc.x > 1280) disc.dx = -disc.dx;
        if (disc.y < 0 || disc.y > 720) disc.dy = -disc.dy;
        drawing.fillStyle = disc.colour;
        drawing.beginPath();
        drawing.arc(disc.x, disc.y, disc.radius, 0, 2 * Math.PI);
        drawing.fill();
      }
    };
    draw();
    onFrame = draw;
  },
  caret() { // the same form; only the caret blinks
    modes.typing();
  },
};

document.addEventListener("keydown", (event) => {
  const began = performance.now();
  if (onKey !== null && !event.repeat) onKey(event, began);
});
document.addEventListener("pointerdown", (event) => {
  const began = performance.now();
  if (onKey !== null) onKey(event, began);
});

function frame() {
  if (!running) return;
  const began = performance.now();
  onFrame();
  next(began);
  requestAnimationFrame(frame);
}

function settled() { // two frames and a moment: what was changed has been drawn
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 30))));
}

// --- commands from the bench ----------------------------------------------------------------------------------------

const commands = {
  async mode({ mode }) {
    running = false;
    onKey = null;
    onFrame = null;
    log = [];
    if (document.activeElement !== null) document.activeElement.blur();
    modes[mode]();
    next(performance.now());
    await settled();
    log = [];
    return {};
  },
  async run() { // begins the animation frames of the mode
    running = true;
    requestAnimationFrame(frame);
    return {};
  },
  async stop() { // everything rests: no frame, no caret
    running = false;
    if (document.activeElement !== null) document.activeElement.blur();
    await settled();
    return {};
  },
  async log() {
    const taken = log;
    log = [];
    return { log: taken };
  },
  async clock({ exchanges }) {
    const samples = [];
    for (let n = 0; n < exchanges; n += 1) {
      const asked = performance.now();
      const answer = await fetch("/clock", { cache: "no-store" });
      const nanoseconds = await answer.text();
      samples.push([asked, nanoseconds, performance.now()]);
    }
    return { samples };
  },
};

Object.assign(commands, composing.commands);

async function post(body) {
  const { innerWidth: width, innerHeight: height, devicePixelRatio: ratio, crossOriginIsolated: isolated } = window;
  await fetch(`/answer?arm=${arm}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, code, width, height, ratio, isolated, agent: navigator.userAgent }),
  });
}

async function listen() {
  modes.still();
  next(performance.now());
  await settled();
  await post({ number: 0 });
  for (;;) {
    const answer = await fetch(`/command?arm=${arm}`, { cache: "no-store" });
    const command = await answer.json();
    if (!(command.name in commands)) continue; // "wait": ask again
    await post({ number: command.number, ...(await commands[command.name](command)) });
  }
}

listen();
