// Builds the bench's pages from the sentences, the same for the same number: both sides of a comparison see the same pixels.
"use strict";
function generator(seed) { // mulberry32: small, repeatable, good enough to shuffle sentences
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function paragraph(random, sentences) {
  let text = "";
  for (let n = 0; n < sentences; n += 1) {
    const sentence = SENTENCES[Math.floor(random() * SENTENCES.length)];
    text += random() < 0.12 ? `<b>${sentence}</b>` : sentence;
  }
  return `<p>${text}</p>`;
}

function section(random, paragraphs) {
  const heading = HEADINGS[Math.floor(random() * HEADINGS.length)];
  let html = `<h2>${heading}（第${1 + Math.floor(random() * 900)}号）</h2>`;
  for (let n = 0; n < paragraphs; n += 1) html += paragraph(random, 2 + Math.floor(random() * 3));
  return html;
}

// A page that fills the window: three columns of headed paragraphs.
function wholePage(number) {
  const random = generator(0x5110 + number * 7919);
  let columns = "";
  for (let column = 0; column < 3; column += 1) {
    columns += `<section>${section(random, 3)}${section(random, 3)}${section(random, 4)}</section>`;
  }
  return `<div class="columns">${columns}</div>`;
}

// About 20,000 pixels of text: a minute of scrolling at six pixels a frame.
function longText() {
  const random = generator(0x5c01);
  let html = "";
  for (let n = 0; n < 40; n += 1) html += section(random, 4);
  return html;
}

function plainText(paragraphs) {
  const random = generator(0x7e57);
  const lines = [];
  for (let n = 0; n < paragraphs; n += 1) {
    let line = "";
    for (let s = 0; s < 2; s += 1) line += SENTENCES[Math.floor(random() * SENTENCES.length)];
    lines.push(line);
  }
  return lines;
}

function discs(count, width, height) {
  const random = generator(0xd15c);
  return Array.from({ length: count }, () => ({
    x: random() * width, y: random() * height, radius: 14 + random() * 46,
    dx: (random() - 0.5) * 9, dy: (random() - 0.5) * 9,
    colour: `hsl(${Math.floor(random() * 360)} 65% ${40 + Math.floor(random() * 30)}%)`,
  }));
}
