// The real host with a page for its browser, what lies between it and the page, and the page in Chromium: one desk, as a person has it.
// SHOJI_HOST names the host's program; `./shoji test` does so.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type CDPSession, type Page } from 'playwright-core';
import { until } from './peer';
import { Relay, type Conditions } from './relay';

const program = process.env['SHOJI_HOST'] ?? '';
if (program === '') throw new Error("SHOJI_HOST is not set: build shoji-host, then set it to that program's path");

const shots = process.env['SHOJI_SHOTS'];

/** A page that tells what was typed into it, and whose colour no browser has around a page. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>Test</title>
<style>html,body{margin:0;height:100%;background:#0033cc}textarea,button{position:absolute;left:40px;top:40px;width:70%;height:200px;font:24px sans-serif}button{top:300px;width:200px;height:60px}</style>
<textarea autofocus></textarea><button onclick="fetch('/clicked')">0</button>
<script>const t=document.querySelector('textarea');t.focus();addEventListener('load',()=>fetch('/ready'));
t.oninput=e=>e.isComposing||fetch('/typed',{method:'POST',body:t.value});t.addEventListener('compositionend',()=>setTimeout(()=>fetch('/typed',{method:'POST',body:t.value})))</script>`;

/** A number for a picture of opaque RGBA rows: `codec::digest`. */
function digest(rgba: Uint8Array, width: number, height: number): bigint {
  const all = (1n << 64n) - 1n;
  const mix = (h: bigint, v: bigint): bigint => {
    const product = ((h ^ v) * 0x9e37_79b9_7f4a_7c15n) & all;
    return ((product << 29n) | (product >> 35n)) & all;
  };
  const size = (BigInt(width) << 32n) | BigInt(height);
  const lanes = [1n, 2n, 3n, 4n].map((lane) => mix(size, lane));
  const fours = width - (width % 4);
  for (let at = 0; at < width * height; at += 1) {
    const [red, green, blue] = [rgba[4 * at] ?? 0, rgba[4 * at + 1] ?? 0, rgba[4 * at + 2] ?? 0];
    const x = at % width;
    const lane = x < fours ? x % 4 : 0;
    lanes[lane] = mix(lanes[lane] ?? 0n, BigInt((red << 16) | (green << 8) | blue));
  }
  return lanes.reduce(mix, size);
}

export class Desk {
  /** What was typed into the page behind the host, how often its button was clicked, and whether it is there. */
  typed = '';
  clicks = 0;
  isReady = false;
  /** What the host said. */
  log = '';
  /** What went wrong in the page. */
  readonly troubles: string[] = [];
  private readonly state = mkdtempSync(join(tmpdir(), 'shoji-web-'));
  private readonly traces = join(this.state, 'traces');
  private host!: ChildProcess;
  private pages!: Server;
  browser!: Browser;
  page!: Page;
  relay!: Relay;
  address = '';

  static async start(conditions: Conditions, context: BrowserContextOptions = {}, body = PAGE): Promise<Desk> {
    const desk = new Desk();
    try {
      await desk.begin(conditions, context, body);
    } catch (error) {
      await desk.stop();
      throw error;
    }
    return desk;
  }

  private async begin(conditions: Conditions, context: BrowserContextOptions, body: string): Promise<void> {
    mkdirSync(this.traces);
    this.pages = createServer(async (request, response) => {
      let told = '';
      for await (const part of request) told += String(part);
      if (request.url === '/ready') this.isReady = true;
      if (request.url === '/typed') this.typed = told;
      if (request.url === '/clicked') this.clicks += 1;
      response.setHeader('content-type', 'text/html; charset=utf-8').end(request.url === '/' ? body : '');
    });
    this.pages.listen(0, '127.0.0.1');
    await once(this.pages, 'listening');
    const start = `http://127.0.0.1:${(this.pages.address() as AddressInfo).port}/`;
    // The page is served on this machine, which the session's browser does not reach by itself.
    const allowed = ['--start-url', start, '--also-allow', '127.0.0.1/32'];
    const words = ['serve', '--state', this.state, '--listen', '127.0.0.1:0', '--print-ready', ...allowed, '--trace-dir', this.traces];
    this.host = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, RUST_LOG: 'info' } });
    this.host.stderr?.on('data', (part) => (this.log += String(part)));
    let said = '';
    this.host.stdout?.on('data', (part) => (said += String(part)));
    const listening = await until('the host listens', () => /ready (\S+)/.exec(said)?.[1], 30_000);
    this.relay = await Relay.start(Number(listening.split(':').at(-1)), conditions);
    this.address = `127.0.0.1:${this.relay.port}`;
    this.command('user', 'add', 'demo');
    // The host is on this machine, where a browser offers nobody WebRTC by itself.
    const args = ['--allow-loopback-in-peer-connection', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
    this.browser = await chromium.launch({ executablePath: process.env['SHOJI_CHROMIUM'] ?? '/usr/bin/chromium', args });
    await this.open(context);
  }

  /** A page in a new profile. */
  async open(options: BrowserContextOptions = {}): Promise<void> {
    await this.page?.context().close();
    const context = await this.browser.newContext({ locale: 'ja-JP', viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true, ...options });
    this.page = await context.newPage();
    this.page.on('pageerror', (error) => this.troubles.push(String(error)));
    this.page.on('console', (message) => {
      // What a browser says by itself of connections that were not there, or were cut.
      const isNetwork = /Failed to load resource|Failed to establish a connection|WebSocket connection to/.test(message.text());
      if (message.type() === 'error' && !isNetwork) this.troubles.push(message.text());
    });
  }

  /** From the next page on the browser is one that never had these: it is the page's worker that looks for them. Its
   * WebSocket is refused meanwhile, for its certificate. */
  async lacks(...names: string[]): Promise<void> {
    const without = names.map((name) => `delete globalThis.${name};`).join('');
    await this.page.context().route(/\/worker-[^/]*\.js$/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: without + (await response.text()) });
    });
  }

  async stop(): Promise<void> {
    await this.browser?.close();
    this.host?.kill('SIGTERM');
    if (this.host?.exitCode === null) await once(this.host, 'exit');
    this.relay?.stop();
    this.pages?.closeAllConnections();
    this.pages?.close();
    rmSync(this.state, { recursive: true, force: true });
  }

  /** Runs a command of the host's program. */
  command(...words: string[]): string {
    return execFileSync(program, [...words, '--state', this.state], { encoding: 'utf8' });
  }

  /** Until the page says that it stands there. */
  async stands(state: string): Promise<void> {
    await this.page.waitForFunction((wanted) => document.documentElement.dataset['state'] === wanted, state, { timeout: 60_000 });
  }

  /** Opens the page and asks for the device to be enrolled; gives its code. */
  async ask(name = '税務課 窓口 3'): Promise<string> {
    await this.page.goto(`https://${this.address}/`);
    await this.page.locator('input#name').fill(name);
    await this.page.keyboard.press('Enter');
    return (await this.page.locator('.code').textContent()) ?? '';
  }

  /** What an administrator does with a code. */
  approve(code: string, ...more: string[]): void {
    this.command('device', 'approve', code, '--user', 'demo', '--days', '1', ...more);
  }

  /** A session, as a new device gets one. */
  async enrol(): Promise<void> {
    this.approve(await this.ask());
    await this.stands('attached');
    await until('the page behind it is loaded', () => this.isReady, 30_000);
  }

  /** Clicks into the page's field, and waits until the host says that it takes text. */
  async intoField(): Promise<void> {
    await this.page.mouse.click(300, 250);
    await this.page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA', undefined, { timeout: 15_000 });
  }

  /** A conversation with the page's browser. */
  devtools(): Promise<CDPSession> {
    return this.page.context().newCDPSession(this.page);
  }

  /** The pixels of a part of the window, as they are on the screen. */
  private async pixels(clip: { x: number; y: number; width: number; height: number }): Promise<Uint8Array> {
    const png = (await this.page.screenshot({ clip })).toString('base64');
    const blank = await this.page.context().newPage();
    const rgba = await blank.evaluate(async (data) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      canvas?.drawImage(bitmap, 0, 0);
      const bytes = canvas?.getImageData(0, 0, bitmap.width, bitmap.height).data ?? [];
      let text = '';
      for (const byte of bytes) text += String.fromCharCode(byte);
      return btoa(text);
    }, png);
    await blank.close();
    return Buffer.from(rgba, 'base64');
  }

  /** Until a point shows the colour of the page behind the host, exactly. */
  async blue(x: number, y: number): Promise<void> {
    for (const end = Date.now() + 20_000; ; ) {
      const rgb = (await this.pixels({ x, y, width: 1, height: 1 })).subarray(0, 3).join();
      if (rgb === '0,51,204') return;
      if (Date.now() > end) throw new Error(`the page is not seen, but ${rgb}`);
    }
  }

  /** The digest of the host's picture when it last came to rest. */
  private rests(): bigint | null {
    const lines = readdirSync(this.traces).flatMap((name) => readFileSync(join(this.traces, name), 'utf8').split('\n'));
    // The number is larger than JSON's.
    const last = lines.filter((line) => line.includes('"ev":"rest"')).at(-1);
    const number = /"digest":(\d+)/.exec(last ?? '')?.[1];
    return number === undefined ? null : BigInt(number);
  }

  /** Until what is on the screen is what the host rests at, bit for bit. Nothing may blink or lie over the picture. */
  async exact(): Promise<void> {
    const clip = await this.page.locator('main.stage canvas:not([hidden])').first().boundingBox();
    if (clip === null) throw new Error('there is no picture');
    for (const end = Date.now() + 30_000; ; ) {
      const seen = digest(await this.pixels(clip), clip.width, clip.height);
      if (seen === this.rests()) return;
      if (Date.now() > end) throw new Error(`the picture (${clip.width}x${clip.height}) is ${seen}, and the host's at rest is ${this.rests()}`);
    }
  }

  /** A figure of the details, which are opened for it and closed again. */
  async detail(name: string, wanted: (value: number) => boolean, within = 15_000): Promise<number> {
    await this.page.keyboard.press('Control+Alt+Shift+I');
    const figure = () => this.page.evaluate((name) => Number((document.querySelector('.details') as HTMLElement | null)?.dataset[name] ?? 0), name);
    let value = await figure();
    for (const end = Date.now() + within; !wanted(value) && Date.now() < end; value = await figure()) await new Promise((wake) => setTimeout(wake, 50));
    await this.page.keyboard.press('Control+Alt+Shift+I');
    return value;
  }

  /** The carriers of all connections so far, in order, as the host names them. */
  get ways(): string[] {
    return [...this.log.matchAll(/Viewer attached .*carrier="?([A-Za-z]+)/g)].flatMap(([, name]) => name ?? []);
  }

  /** A picture for the eyes, where SHOJI_SHOTS names a folder. */
  async shot(name: string): Promise<void> {
    if (shots !== undefined) await this.page.screenshot({ path: `${shots}/${name}.png` });
  }
}
