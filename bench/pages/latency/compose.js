// The field that a person types into, and a film or a column that scrolls beside it. The code is that of the field's text, painted in the same frame as the
// text, so that a picture tells exactly which text it shows.
"use strict";
const composing = (() => {
  let area = null;

  function codeOf(text) { // FNV-1a over the UTF-16 code units, folded to sixteen bits
    let hash = 0x811c9dc5;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
      hash = Math.imul(hash ^ (unit >> 8), 0x01000193);
    }
    return ((hash >>> 16) ^ hash) & 0xffff;
  }

  // The same code in small, right above the field: it is as near the caret as the text itself.
  let near = [];
  function makeNear(place) {
    near = [0, 1].map((row) => Array.from({ length: 16 }, (_, bit) => {
      const block = document.createElement("i");
      block.style.left = `${bit * 12}px`;
      block.style.top = `${row * 12}px`;
      place.append(block);
      return block;
    }));
  }

  function show() {
    code = codeOf(area.value);
    for (let bit = 0; bit < 16; bit += 1) {
      const on = ((code >> (15 - bit)) & 1) === 1;
      for (const [row, dark] of [[0, on], [1, !on]]) {
        const name = dark ? "on" : "";
        if (near[row][bit].className !== name) near[row][bit].className = name;
      }
    }
    paint(code);
  }

  function script(source) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = source;
      element.addEventListener("load", resolve);
      element.addEventListener("error", reject);
      document.body.append(element);
    });
  }

  // The film of the corpus's page, in a place of its own here; it plays on and on.
  async function startFilm() {
    for (const name of ["random", "photo", "webm", "film"]) await script(`/film/${name}.js`);
    const film = document.getElementById("film");
    if (film.readyState < 2) await new Promise((resolve) => film.addEventListener("loadeddata", resolve, { once: true }));
    film.loop = true;
    document.getElementById("start").click();
    await new Promise((resolve) => film.addEventListener("playing", resolve, { once: true }));
  }

  const FILM = `<div class="film"><div class="frame"><video id="film" muted playsinline></video><canvas id="poster" width="960" height="540"></canvas>
    <div id="state"></div><button id="start" type="button">▶</button></div><span id="time"></span><i id="progress"></i></div>`;

  // Six pixels in each animation frame, as in the scene of that name, until another page is shown. No code: that is the field's.
  let scrolled = 0;
  function startScrolling() {
    const column = document.getElementById("column");
    let step = 6;
    scrolled = 0;
    const scroll = () => {
      if (!column.isConnected) return;
      const before = column.scrollTop;
      column.scrollTop = before + step;
      if (column.scrollTop === before) step = -step;
      else scrolled += 1;
      requestAnimationFrame(scroll);
    };
    requestAnimationFrame(scroll);
  }

  async function place() {
    const [film, column] = ["film", "column"].map((id) => document.getElementById(id));
    const at = content.querySelector(".near").getBoundingClientRect();
    const place = { near: [at.x, at.y] };
    if (film === null && column === null) return place;
    const { x, y, width, height } = (film ?? column).getBoundingClientRect();
    return { ...place, moving: { x, y, width, height }, drawn: film?.getVideoPlaybackQuality().totalVideoFrames ?? scrolled };
  }

  const commands = {
    async compose({ film, scroll }) {
      running = false;
      onKey = null;
      onFrame = null;
      const lines = plainText(3);
      const moving = film ? FILM : scroll ? `<div id="column">${longText()}</div>` : "";
      content.innerHTML = `<div class="compose${moving === "" ? "" : " beside"}"><div class="form"><h2>申請の理由</h2>${lines.map((line) => `<p>${line}</p>`).join("")}
        <div class="near"></div><textarea spellcheck="false" autocomplete="off" autocapitalize="off"></textarea></div>${moving}</div>`;
      area = content.querySelector("textarea");
      makeNear(content.querySelector(".near"));
      for (const name of ["input", "compositionend"]) area.addEventListener(name, show);
      if (film) await startFilm();
      if (scroll) startScrolling();
      area.focus();
      show();
      await settled();
      return place();
    },
    async text() {
      return { units: Array.from({ length: area.value.length }, (_, at) => area.value.charCodeAt(at)) };
    },
    moving: place,
  };
  return { commands };
})();
