// Corrections in red, one at each press of the space key. A pen's stroke takes six frames, as from a hand; notes and stamps
// are there at once.
"use strict";
const ink = document.getElementById("ink");
const random = generator(0x1a4);
const STROKE_FRAMES = 6;

function add(name, attributes, parent = ink) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

// A path through the points that trembles as a hand does.
function pen(points, width = 2.2) {
  const shaken = points.map(([x, y]) => [x + (random() - 0.5) * 2.4, y + (random() - 0.5) * 2.4]);
  let d = `M${shaken[0]}`;
  for (let n = 1; n < shaken.length; n += 1) {
    const [a, b] = [shaken[n - 1], shaken[n]];
    d += ` Q${a[0]} ${a[1]} ${(a[0] + b[0]) / 2} ${(a[1] + b[1]) / 2}`;
  }
  d += ` L${shaken.at(-1)}`;
  const path = add("path", { d, "stroke-width": width });
  const length = path.getTotalLength();
  let frame = 0;
  path.setAttribute("stroke-dasharray", length);
  const draw = () => {
    frame += 1;
    path.setAttribute("stroke-dashoffset", length * (1 - frame / STROKE_FRAMES));
    if (frame < STROKE_FRAMES) requestAnimationFrame(draw);
  };
  draw();
}

const line = (x1, x2, y) => pen(Array.from({ length: 12 }, (_, n) => [x1 + ((x2 - x1) * n) / 11, y + Math.sin(n) * 0.8]));
const twice = (x1, x2, y) => { line(x1, x2, y - 3); line(x1, x2, y + 3); };
const ring = (x, y, rx, ry) => pen(Array.from({ length: 26 }, (_, n) => [x + Math.cos(n / 3.8 - 2) * rx * (1 + n / 300), y + Math.sin(n / 3.8 - 2) * ry * (1 + n / 300)]));
const wave = (x1, x2, y) => pen(Array.from({ length: Math.round((x2 - x1) / 5) }, (_, n) => [x1 + n * 5, y + (n % 2) * 4]), 1.8);
const insert = (x, y) => pen([[x - 7, y + 9], [x, y - 3], [x + 7, y + 9]]);
const arrow = (x1, y1, x2, y2) => {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const barb = (turn) => [x2 - Math.cos(angle + turn) * 11, y2 - Math.sin(angle + turn) * 11];
  pen([[x1, y1], [(x1 + x2) / 2, (y1 + y2) / 2 - 7], [x2, y2], barb(0.5), [x2, y2], barb(-0.5)]);
};

// Words by hand: each letter a little turned and out of line.
function hand(words, x, y, size = 15, kind = "") {
  const group = add("g", {});
  let along = x;
  for (const letter of words) {
    const wide = letter.charCodeAt(0) < 256 ? size * 0.6 : size;
    const up = (random() - 0.5) * 2.6;
    const text = add("text", { x: along, y: y + up, "font-size": size, class: kind, transform: `rotate(${(random() - 0.5) * 9} ${along + wide / 2} ${y})` }, group);
    text.textContent = letter;
    along += wide * 0.97;
  }
}

function seal(x, y, name) {
  const stamp = add("g", { class: "stamp", transform: `rotate(${(random() - 0.5) * 14} ${x} ${y})` });
  add("circle", { cx: x, cy: y, r: 23 }, stamp);
  for (const [n, letter] of [...name].entries()) add("text", { x, y: y - 3 + n * 20, "font-size": 19 }, stamp).textContent = letter;
}

function dated(x, y, top, day, bottom) {
  const stamp = add("g", { class: "stamp", transform: `rotate(-4 ${x} ${y})` });
  add("circle", { cx: x, cy: y, r: 38 }, stamp);
  add("line", { x1: x - 37, y1: y - 10, x2: x + 37, y2: y - 10 }, stamp);
  add("line", { x1: x - 37, y1: y + 10, x2: x + 37, y2: y + 10 }, stamp);
  for (const [words, down, size] of [[top, -16, 13], [day, 5, 13], [bottom, 25, 13]]) add("text", { x, y: y + down, "font-size": size }, stamp).textContent = words;
}

function square(x, y, words) {
  const stamp = add("g", { class: "stamp", transform: `rotate(3 ${x} ${y})` });
  add("rect", { x: x - 62, y: y - 22, width: 124, height: 44, rx: 4 }, stamp);
  add("text", { x, y: y + 9, "font-size": 26, "letter-spacing": 4 }, stamp).textContent = words;
}

const corrections = [
  () => twice(118, 154, 208), () => hand("平素", 118, 188, 16),
  () => line(586, 640, 208), () => hand("ござい", 586, 188),
  () => line(586, 604, 256), () => hand("な", 587, 238, 16),
  () => wave(208, 316, 322), () => hand("数を調べて書く", 190, 340, 12, "blue"),
  () => ring(685, 304, 34, 18), () => hand("とおり", 662, 280, 16),
  () => insert(154, 354), () => hand("組合の方の", 118, 337, 13),
  () => line(280, 298, 352), () => hand("いた", 277, 337, 14),
  () => ring(586, 352, 64, 18), () => arrow(654, 350, 1034, 300), () => hand("市のウェブサイト", 1044, 300, 17), () => hand("（正式な言い方に）", 1044, 322, 13, "blue"),
  () => twice(406, 424, 400), () => hand("くだ", 400, 382, 13),
  () => line(550, 622, 400), () => hand("狭いため", 554, 382, 13),
  () => wave(100, 190, 466), () => hand("小雨なら行う", 110, 482, 12, "pink"),
  () => ring(316, 550, 122, 19), () => hand("曜日を確かめる", 338, 530, 12, "blue"),
  () => insert(594, 560), () => hand("（予備日 四日）", 566, 540, 14),
  () => pen([[92, 574], [84, 582], [84, 634], [92, 644]]), () => hand("順を入れ替える", 14, 672, 12),
  () => ring(716, 792, 104, 15), () => hand("二年前 要注意", 1016, 806, 14),
  () => hand("全体に「です・ます」をそろえること。漢字は常用の表に従う。", 1016, 560, 13), () => hand("直したら もう一度 見せてください。", 1016, 586, 13),
  () => seal(1374, 90, "水野"), () => seal(1300, 90, "小田"), () => dated(1226, 91, "農林振興課", "8.11.21", "係　長"), () => square(1180, 690, "要修正"),
];

let next = 0;
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || next >= corrections.length) return;
  event.preventDefault();
  corrections[next]();
  next += 1;
});
