// A spreadsheet that answers as one does: arrows move the cell, letters open it, Enter closes it, Ctrl+Space marks a column.
"use strict";
const COLUMNS = [["", 46], ["番号", 92], ["品名", 236], ["型", 118], ["置き場所", 170], ["担当", 136], ["数", 66], ["単価", 104], ["金額", 118],
  ["購入日", 116], ["耐用年", 82], ["残りの額", 118], ["点検", 84], ["点検日", 116], ["備考", 314]];
const ROWS = 60;
const LINE = 27; // height of a row
const at = (id) => document.getElementById(id);
const random = generator(0x6121);
const one = (list) => list[Math.floor(random() * list.length)];
const yen = (value) => value.toLocaleString("ja-JP");
const letter = (column) => String.fromCharCode(64 + column);

function row(number) {
  const goods = one(["事務机", "会議用の椅子", "書庫（三段）", "表示装置 二十四型", "携帯の端末", "複合機", "掲示板", "投影機", "扇風機", "加湿器", "発電機", "拡声器", "折り畳み机", "台車", "冷蔵庫", "除湿機"]);
  const count = 1 + Math.floor(random() * 24);
  const price = (4 + Math.floor(random() * 90)) * 1200;
  const [year, month, day] = [2018 + Math.floor(random() * 8), 1 + Math.floor(random() * 12), 1 + Math.floor(random() * 28)];
  const life = one([4, 5, 6, 8, 10, 15]);
  const rest = Math.round(count * price * clamp(1 - (2026 - year) / life, 0.05, 1));
  const check = one(["済", "済", "済", "未", "要修理"]);
  const two = (n) => String(n).padStart(2, "0");
  return [`B-${two(month)}${String(number * 37 % 1000).padStart(3, "0")}`, goods, `${one(["AK", "MT", "ZW", "HN"])}-${100 + Math.floor(random() * 800)}`,
    one(["本庁一階 窓口", "本庁二階 会議室", "北支所", "東浜公民館", "防災倉庫", "中央図書館", "保健センター"]), one(["管財課", "総務課", "税務課", "道路維持係", "市民協働課", "子育て支援課"]),
    yen(count), yen(price), yen(count * price), `${year}/${two(month)}/${two(day)}`, String(life), yen(rest), check, check === "未" ? "" : `2026/${two(1 + Math.floor(random() * 10))}/${two(day)}`,
    one(["", "", "", "脚を交換", "来年度に更新の予定", "貸し出し中（東浜）", "鍵は一階の金庫", "寄贈品", "説明書あり", "線が短い"])];
}

function build() {
  const columns = `<colgroup>${COLUMNS.map(([, width]) => `<col style="width:${width}px">`).join("")}</colgroup>`;
  const head = `<table id="head">${columns}<tr>${COLUMNS.map((_, c) => `<th>${c === 0 ? "" : letter(c)}</th>`).join("")}</tr></table>`;
  let rows = `<tr><th>1</th>${COLUMNS.slice(1).map(([name]) => `<td style="background:#ddebf7;font-weight:700">${name}</td>`).join("")}</tr>`;
  for (let r = 2; r <= ROWS; r += 1) {
    const cells = row(r).map((text, c) => {
      const kinds = [[5, 6, 7, 9, 10].includes(c) ? "n" : "", text === "要修理" ? "red late" : text === "未" ? "late" : text === "済" ? "ok" : ""];
      return `<td class="${kinds.join(" ").trim()}">${text}</td>`;
    });
    rows += `<tr><th>${r}</th>${cells.join("")}</tr>`;
  }
  at("sheet").insertAdjacentHTML("afterbegin", head);
  at("roll").insertAdjacentHTML("afterbegin", `<table id="body">${columns}${rows}</table>`);
}

build();
const sheet = at("sheet");
const heads = at("head").rows[0].cells;
let place = [3, 5]; // row and column, from 1
let rolled = 0; // rows rolled away
let marked = 0;
let editor = null;
const cell = ([r, c]) => at("body").rows[r - 1].cells[c];

function show() {
  const here = cell(place);
  const fits = Math.floor((sheet.clientHeight - LINE) / LINE);
  if (place[0] - rolled > fits) rolled = place[0] - fits;
  if (place[0] - rolled < 1) rolled = place[0] - 1;
  at("roll").style.top = `${LINE - rolled * LINE}px`;
  Object.assign(at("cursor").style, { left: `${here.offsetLeft - 1}px`, top: `${here.offsetTop - 1}px`, width: `${here.offsetWidth + 2}px`, height: `${here.offsetHeight + 2}px` });
  for (const [c, head] of [...heads].entries()) head.className = c === place[1] ? "on" : "";
  for (const [r, line] of [...at("body").rows].entries()) line.cells[0].className = r + 1 === place[0] ? "on" : "";
  at("name").textContent = `${letter(place[1])}${place[0]}`;
  at("content").textContent = here.textContent;
}

function move(down, right) {
  place = [clamp(place[0] + down, 1, ROWS), clamp(place[1] + right, 1, COLUMNS.length - 1)];
  show();
}

function mark(column) {
  let sum = 0;
  for (const line of at("body").rows) {
    if (marked > 0) line.cells[marked].classList.remove("col");
    line.cells[column].classList.add("col");
    sum += Number(line.cells[column].textContent.replaceAll(",", "")) || 0;
  }
  marked = column;
  at("sum").textContent = sum > 0 ? `個数 ${ROWS - 1}　平均 ${yen(Math.round(sum / (ROWS - 1)))}　合計 ${yen(sum)}` : "";
}

function openCell() {
  const here = cell(place);
  editor = document.createElement("input");
  editor.id = "edit";
  Object.assign(editor.style, { left: `${here.offsetLeft - 1}px`, top: `${here.offsetTop - 1}px`, width: `${here.offsetWidth + 2}px`, height: `${here.offsetHeight + 2}px` });
  at("roll").append(editor);
  editor.addEventListener("input", () => { at("content").textContent = editor.value; });
  editor.focus();
}

function closeCell() {
  cell(place).textContent = editor.value;
  editor.remove();
  editor = null;
  sheet.focus();
  move(1, 0);
}

const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Tab: [0, 1] };
sheet.addEventListener("keydown", (event) => {
  if (editor !== null) {
    if (event.key === "Enter") closeCell();
    return;
  }
  const arrow = ARROWS[event.key];
  if (arrow) {
    event.preventDefault();
    move(...arrow);
  } else if (event.key === "F2" || (event.key.length === 1 && !event.ctrlKey)) openCell(); // the letter itself goes on into the editor
});
sheet.addEventListener("mousedown", (event) => {
  const target = event.target.closest("td, th");
  if (target === null || target === cell(place)) return;
  if (target.closest("#head")) return mark(target.cellIndex);
  place = [target.parentElement.rowIndex + 1, Math.max(1, target.cellIndex)];
  show();
});
sheet.focus();
show();
