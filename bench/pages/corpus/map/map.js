// A town that does not exist, drawn once, then moved under the pointer by whole pixels.
"use strict";
const WIDTH = 4096;
const HEIGHT = 2816;
const CELL = 128; // between two streets
const canvas = document.getElementById("map");
const drawing = canvas.getContext("2d", { alpha: false });
const random = generator(0x3a9);
const noise = smoothNoise(0x70f3);
const FONT = '"Noto Sans CJK JP", sans-serif';

// A place of the straight street plan on the bent one: all roads and houses bend with it.
function bend(x, y) {
  return [x + (noise(x / 900, y / 900) - 0.5) * 420 + (noise(x / 260 + 40, y / 260) - 0.5) * 46,
    y + (noise(x / 900 + 90, y / 900 + 30) - 0.5) * 420 + (noise(x / 260, y / 260 + 70) - 0.5) * 46];
}

function along(points, close) {
  drawing.beginPath();
  for (const [n, [x, y]] of points.entries()) n === 0 ? drawing.moveTo(x, y) : drawing.lineTo(x, y);
  if (close) drawing.closePath();
}

function stroke(points, width, colour, dash = []) {
  along(points, false);
  drawing.lineWidth = width;
  drawing.strokeStyle = colour;
  drawing.setLineDash(dash);
  drawing.stroke();
  drawing.setLineDash([]);
}

function fill(points, colour, edge) {
  along(points, true);
  drawing.fillStyle = colour;
  drawing.fill();
  if (!edge) return;
  drawing.lineWidth = 1;
  drawing.strokeStyle = edge;
  drawing.stroke();
}

const across = (y, from = -3, to = WIDTH / CELL + 3) => Array.from({ length: (to - from) * 8 + 1 }, (_, n) => bend((from + n / 8) * CELL, y));
const down = (x, from = -3, to = HEIGHT / CELL + 3) => Array.from({ length: (to - from) * 8 + 1 }, (_, n) => bend(x, (from + n / 8) * CELL));

const river = Array.from({ length: 180 }, (_, n) => {
  const t = n / 179;
  return [t * (WIDTH + 400) - 200, 1720 - t * 900 + Math.sin(t * 7) * 190 + (noise(t * 14, 4) - 0.5) * 160];
});
const rail = Array.from({ length: 140 }, (_, n) => {
  const t = n / 139;
  return [t * (WIDTH + 400) - 200, 700 + t * 1100 + Math.sin(t * 4 + 1) * 150];
});
const fromRiver = (x, y) => Math.min(...river.filter((_, n) => n % 3 === 0).map(([rx, ry]) => Math.hypot(rx - x, ry - y)));

const TOWNS = ["青葉", "桜堤", "水車", "城山", "東浜", "北の丘", "若竹", "柳町", "鍛冶町", "米蔵町", "小松原", "鶴見原", "日の出", "花園", "菊里", "八重垣", "舟入", "橋詰", "清水", "紺屋町", "雲雀野", "三本松", "稲穂", "梅ヶ枝"];
const PLACES = [["避難所", "#1d7a46", ["青葉小学校", "城山中学校", "市民体育館", "北の丘公民館", "水車の里会館", "若竹小学校"]],
  ["市の施設", "#2457a6", ["市役所", "北支所", "保健センター", "浄水場", "福祉会館", "市民会館"]],
  ["消防", "#c0392b", ["消防本部", "東分署", "水防倉庫", "救急センター"]],
  ["学校", "#8e5aa8", ["ひばり保育所", "桜堤幼稚園", "みずほ野高校", "花園小学校", "菊里保育所"]],
  ["図書館", "#c77f1a", ["中央図書館", "紺屋町公民館", "郷土資料館", "舟入文庫"]]];

function draw() {
  drawing.fillStyle = "#f2efe9";
  drawing.fillRect(0, 0, WIDTH, HEIGHT);
  drawing.lineJoin = "round";
  drawing.lineCap = "round";
  // Hills in the north-west: woods with contour lines.
  for (let level = 0; level < 16; level += 1) {
    const ring = Array.from({ length: 90 }, (_, n) => {
      const angle = (n / 90) * Math.PI * 2;
      const wide = (900 - level * 54) * (0.75 + 0.5 * noise(Math.cos(angle) * 1.6 + 9 + level * 0.05, Math.sin(angle) * 1.6 + 9));
      return [520 + Math.cos(angle) * wide, 240 + Math.sin(angle) * wide * 0.7];
    });
    if (level === 0) fill(ring, "#cfe3bf");
    along(ring, true);
    drawing.lineWidth = level % 5 === 0 ? 2 : 1;
    drawing.strokeStyle = "#a9bf8f";
    drawing.stroke();
  }
  // Blocks: houses on their lots, or a park, or fields.
  for (let row = -2; row < HEIGHT / CELL + 2; row += 1) {
    for (let column = -2; column < WIDTH / CELL + 2; column += 1) {
      const [left, top] = [column * CELL, row * CELL];
      const [mx, my] = bend(left + CELL / 2, top + CELL / 2);
      const kind = noise(column * 0.23 + 3, row * 0.23 + 8);
      const wild = Math.hypot(mx - 520, (my - 240) / 0.7) < 780 || fromRiver(mx, my) < 110;
      const corner = (u, v) => bend(left + 8 + u * (CELL - 16), top + 8 + v * (CELL - 16));
      if (wild) continue;
      if (kind > 0.7) {
        fill([corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)], random() < 0.5 ? "#d3e8c4" : "#e6ecc8");
        for (let n = 0; n < 9; n += 1) {
          const [x, y] = corner(random(), random());
          drawing.beginPath();
          drawing.arc(x, y, 3 + random() * 3, 0, 7);
          drawing.fillStyle = "#a5cc8e";
          drawing.fill();
        }
        continue;
      }
      const columns = 2 + Math.floor(random() * 4);
      const rows = 2 + Math.floor(random() * 2);
      for (let i = 0; i < columns; i += 1) {
        for (let j = 0; j < rows; j += 1) {
          if (random() < 0.14) continue;
          const [a, b] = [(i + 0.1 + random() * 0.14) / columns, (i + 0.78 + random() * 0.14) / columns];
          const [c, d] = [(j + 0.1 + random() * 0.16) / rows, (j + 0.72 + random() * 0.18) / rows];
          const notch = random() < 0.35 ? [corner(b, (c + d) / 2), corner((a + b) / 2, (c + d) / 2), corner((a + b) / 2, d)] : [corner(b, d)];
          fill([corner(a, c), corner(b, c), ...notch, corner(a, d)], random() < 0.1 ? "#e8d5c9" : "#e0d9cf", "#c9c0b3");
        }
      }
    }
  }
  // Streets: all casings first, then all surfaces, so that crossings are open.
  const streets = [];
  for (let row = -1; row <= HEIGHT / CELL + 1; row += 1) if (row % 6 !== 2) streets.push(across(row * CELL));
  for (let column = -1; column <= WIDTH / CELL + 1; column += 1) if (column % 7 !== 3) streets.push(down(column * CELL));
  for (let n = 0; n < 60; n += 1) { // lanes inside the blocks
    const x = (Math.floor(random() * 30) + 0.5) * CELL;
    const from = Math.floor(random() * 18);
    streets.push(down(x, from, from + 1 + Math.floor(random() * 3)));
  }
  for (const one of streets) stroke(one, 11, "#cbc6bc");
  for (const one of streets) stroke(one, 8, "#ffffff");
  // Water lies over the streets, bridges over the water.
  stroke(river, 176, "rgb(96 156 210 / 22%)");
  stroke(river, 92, "#9fc6e3");
  stroke(river, 86, "#b5d6ec");
  stroke(river.map(([x, y]) => [x + 260 + (noise(x / 300, 3) - 0.5) * 200, y + 620]), 20, "#b5d6ec");
  const roads = [];
  for (let row = 2; row <= HEIGHT / CELL; row += 6) roads.push(across(row * CELL));
  for (let column = 3; column <= WIDTH / CELL; column += 7) roads.push(down(column * CELL));
  for (const one of roads) stroke(one, 24, "#d9a548");
  for (const one of roads) stroke(one, 20, "#fce39b");
  const bypass = Array.from({ length: 100 }, (_, n) => [n / 99 * 4500 - 200, 2350 - Math.sin(n / 24) * 420]);
  stroke(bypass, 34, "#c9683a");
  stroke(bypass, 29, "#f6b48a");
  stroke(bypass, 1.5, "#c9683a");
  stroke(rail, 10, "#6e6e6e");
  stroke(rail, 7, "#ffffff", [22, 22]);
  labels(roads, bypass);
}

function text(words, x, y, size, colour, { weight = 500, halo = "#fff", angle = 0, spacing = 0 } = {}) {
  drawing.save();
  drawing.translate(Math.round(x), Math.round(y));
  drawing.rotate(angle);
  drawing.font = `${weight} ${size}px ${FONT}`;
  drawing.letterSpacing = `${spacing}px`;
  drawing.textAlign = "center";
  drawing.textBaseline = "middle";
  drawing.lineWidth = 4;
  drawing.strokeStyle = halo;
  drawing.strokeText(words, 0, 0);
  drawing.fillStyle = colour;
  drawing.fillText(words, 0, 0);
  drawing.restore();
}

function labels(roads, bypass) {
  for (const [n, road] of roads.entries()) {
    const name = ["中央通り", "水車通り", "学校通り", "城山街道", "浜街道", "北環状線", "桜並木通り", "市役所通り", "駅前大通り"][n % 9];
    for (let at = 30; at < road.length - 30; at += 66) {
      const [[x1, y1], [x2, y2]] = [road[at - 4], road[at + 4]];
      let angle = Math.atan2(y2 - y1, x2 - x1);
      if (angle > Math.PI / 2 || angle < -Math.PI / 2) angle += Math.PI;
      text(name, road[at][0], road[at][1], 14, "#6b4a10", { angle, halo: "#fce39b", spacing: 3 });
    }
  }
  for (let at = 8; at < 100; at += 14) {
    const [x, y] = bypass[at];
    drawing.fillStyle = "#2c4f9e";
    drawing.beginPath();
    drawing.roundRect(x - 20, y - 13, 40, 26, 6);
    drawing.fill();
    text("318", x, y, 14, "#fff", { weight: 700, halo: "#2c4f9e" });
  }
  for (let at = 20; at < 170; at += 40) text("東　川", river[at][0], river[at][1], 20, "#2f6d9c", { halo: "#b5d6ec", spacing: 12, angle: -0.2 });
  let town = 0;
  for (let row = 0; row < 6; row += 1) {
    for (let column = 0; column < 8; column += 1) {
      const [x, y] = [280 + column * 512 + (random() - 0.5) * 190, 250 + row * 470 + (random() - 0.5) * 190];
      const name = TOWNS[(town * 7) % TOWNS.length];
      text(name, x, y, 23, "#4d4a44", { weight: 700, spacing: 5 });
      for (let n = 0; n < 3; n += 1) {
        const [bx, by] = [x + (n - 1) * 165 + (random() - 0.5) * 70, y + 105 + random() * 120];
        if (fromRiver(bx, by) > 70) text(`${name}${"一二三"[n]}丁目`, bx, by, 13, "#78736a");
      }
      town += 1;
    }
  }
  for (let n = 0; n < 110; n += 1) {
    const [kind, colour, names] = PLACES[n % PLACES.length];
    const [x, y] = [90 + random() * (WIDTH - 180), 90 + random() * (HEIGHT - 180)];
    if (fromRiver(x, y) < 80) continue;
    drawing.beginPath();
    drawing.arc(Math.round(x), Math.round(y), 11, 0, 7);
    drawing.fillStyle = colour;
    drawing.fill();
    drawing.lineWidth = 2;
    drawing.strokeStyle = "#fff";
    drawing.stroke();
    text(kind[0], x, y, 12, "#fff", { weight: 700, halo: colour });
    text(names[Math.floor(n / PLACES.length) % names.length], x, y + 22, 13, colour);
  }
  for (const [at, name] of [[36, "みずほ野駅"], [72, "水車前駅"], [108, "東浜駅"]]) {
    const [x, y] = rail[at];
    drawing.fillStyle = "#444";
    drawing.fillRect(x - 34, y - 9, 68, 18);
    text(name, x, y + 26, 17, "#222", { weight: 700 });
  }
}

// Panning. The map glides on for a few frames after the release, by whole pixels counted in frames, not in time.
const view = document.getElementById("view");
let x = -1060;
let y = -860;
let held = null;
let speed = [0, 0];
const show = () => { canvas.style.transform = `translate3d(${x}px, ${y}px, 0)`; };
function shift(dx, dy) {
  x = clamp(Math.round(x + dx), innerWidth - WIDTH, 0);
  y = clamp(Math.round(y + dy), innerHeight - HEIGHT, 0);
  show();
}
view.addEventListener("pointerdown", (event) => {
  view.setPointerCapture(event.pointerId);
  held = [event.clientX, event.clientY];
  speed = [0, 0];
});
view.addEventListener("pointermove", (event) => {
  if (held === null) return;
  speed = [event.clientX - held[0], event.clientY - held[1]];
  shift(...speed);
  held = [event.clientX, event.clientY];
});
view.addEventListener("pointerup", () => {
  held = null;
  glide();
});
function glide() {
  speed = speed.map((one) => Math.trunc(one * 0.62));
  if (held !== null || (speed[0] === 0 && speed[1] === 0)) return;
  shift(...speed);
  requestAnimationFrame(glide);
}
draw();
show();
