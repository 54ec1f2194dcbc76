// The page against the real host with a real browser behind it. SHOJI_HOST names the host's program; `./shoji test` does so.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from './peer';
import { Relay, type Conditions } from './relay';

const program = process.env['SHOJI_HOST'];
const shots = process.env['SHOJI_SHOTS'];

/** A page that tells what was typed into it, and whose colour no browser has around a page. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>Test</title>
<style>html,body{margin:0;height:100%;background:#0033cc}textarea{position:absolute;left:40px;top:40px;width:70%;height:200px;font:24px sans-serif}</style>
<textarea autofocus></textarea>
<script>const t=document.querySelector('textarea');t.focus();addEventListener('load',()=>fetch('/ready'));
t.oninput=e=>e.isComposing||fetch('/typed',{method:'POST',body:t.value});t.addEventListener('compositionend',()=>setTimeout(()=>fetch('/typed',{method:'POST',body:t.value})))</script>`;

if (program === undefined) throw new Error("SHOJI_HOST is not set: build shoji-host, then set it to that program's path");

/** Every way between page and host; each test is one over all of them. */
const WAYS: (Conditions & { way: string; name: string; shown: string })[] = [
  { way: 'WebTransport', name: 'WebTransport', shown: 'WebTransport', udp: true, roundTrip: 0, loss: 0 },
  { way: 'WebTransport, far and lossy', name: 'WebTransport', shown: 'WebTransport', udp: true, roundTrip: 20, loss: 10 },
  { way: 'WebRTC, where QUIC is swallowed', name: 'WebRTC', shown: 'WebRTC', udp: 'webrtc', roundTrip: 0, loss: 0 },
  { way: 'WebRTC, far and lossy', name: 'WebRTC', shown: 'WebRTC', udp: 'webrtc', roundTrip: 20, loss: 10 },
  { way: 'WebSocket, where UDP is swallowed', name: 'WebSocket', shown: 'WebSocket (TLS)。UDP ポート', udp: false, roundTrip: 0, loss: 0 },
];

describe.each(WAYS)('the page and the real host over $way', ({ name, shown, udp, roundTrip, loss }) => {
  const [state, profile] = [mkdtempSync(join(tmpdir(), 'shoji-web-')), program];
  let host: ChildProcess;
  let relay: Relay;
  let address = '';
  let pages: Server;
  let browser: Browser;
  let page: Page;
  let typed = '';
  let isReady = false;
  let log = '';
  const troubles: string[] = [];
  const command = (...words: string[]) => execFileSync(profile, [...words, '--state', state], { encoding: 'utf8' });
  const stands = (state: string) => page.waitForFunction((wanted) => document.documentElement.dataset['state'] === wanted, state, { timeout: 60_000 });

  beforeAll(async () => {
    pages = createServer(async (request, response) => {
      let body = '';
      for await (const part of request) body += String(part);
      if (request.url === '/ready') isReady = true;
      if (request.url === '/typed') typed = body;
      response.setHeader('content-type', 'text/html; charset=utf-8').end(request.url === '/' ? PAGE : '');
    });
    pages.listen(0, '127.0.0.1');
    await once(pages, 'listening');
    const start = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`;
    const words = ['serve', '--state', state, '--listen', '127.0.0.1:0', '--print-ready', '--start-url', start];
    host = spawn(profile, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, RUST_LOG: 'info' } });
    host.stderr?.on('data', (part) => (log += String(part)));
    let said = '';
    host.stdout?.on('data', (part) => (said += String(part)));
    const listening = await until('the host listens', () => /ready (\S+)/.exec(said)?.[1], 30_000);
    relay = await Relay.start(Number(listening.split(':').at(-1)), { udp, roundTrip, loss });
    address = `127.0.0.1:${relay.port}`;
    command('user', 'add', 'demo');
    browser = await chromium.launch({ executablePath: process.env['SHOJI_CHROMIUM'] ?? '/usr/bin/chromium', args: [
      // The host is on this machine, where a browser offers nobody WebRTC by itself.
      '--allow-loopback-in-peer-connection',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ] });
    const context = await browser.newContext({ locale: 'ja-JP', viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true });
    page = await context.newPage();
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => {
      // What a browser says by itself of connections that were not there, or were cut.
      const isNetwork = /Failed to load resource|Failed to establish a connection|WebSocket connection to/.test(message.text());
      if (message.type() === 'error' && !isNetwork) troubles.push(message.text());
    });
  });

  afterAll(async () => {
    await browser?.close();
    host?.kill('SIGTERM');
    if (host?.exitCode === null) await once(host, 'exit');
    relay?.stop();
    pages?.closeAllConnections();
    pages?.close();
    rmSync(state, { recursive: true, force: true });
  });

  /** The colour of a point of the session's picture on the screen. */
  async function colour(x: number, y: number): Promise<number[]> {
    const png = (await page.screenshot({ clip: { x, y, width: 1, height: 1 } })).toString('base64');
    const blank = await page.context().newPage();
    const rgb = await blank.evaluate(async (data) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
      const canvas = new OffscreenCanvas(1, 1).getContext('2d');
      canvas?.drawImage(bitmap, 0, 0);
      return [...(canvas?.getImageData(0, 0, 1, 1).data ?? [])].slice(0, 3);
    }, png);
    await blank.close();
    return rgb;
  }

  /** Until the picture shows the page's own colour, exactly. */
  async function blue(x: number, y: number): Promise<void> {
    for (const end = Date.now() + 20_000; ; ) {
      const rgb = await colour(x, y);
      if (rgb.join() === '0,51,204') return;
      if (Date.now() > end) throw new Error(`the page is not seen, but ${rgb.join()}`);
    }
  }

  it('enrols, is approved, and shows the session exactly', async () => {
    await page.goto(`https://${address}/`);
    await page.getByLabel('この端末の名前').fill('税務課 窓口 3');
    await page.keyboard.press('Enter');
    const code = await page.locator('.code').textContent();
    command('device', 'approve', code ?? '', '--user', 'demo', '--days', '1');
    await stands('attached');
    await until('the page behind it is loaded', () => isReady, 30_000);
    await blue(1200, 700);
    if (shots !== undefined) await page.screenshot({ path: `${shots}/real-1.png` });
  });

  it('brings what is typed and composed into the page, each once', async () => {
    await page.mouse.click(300, 250);
    await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA', undefined, { timeout: 15_000 });
    const client = await page.context().newCDPSession(page);
    await page.keyboard.press('a');
    await until('the letter', () => typed === 'a');
    await client.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
    if (shots !== undefined) await page.waitForTimeout(400).then(() => page.screenshot({ path: `${shots}/real-2.png` }));
    await client.send('Input.insertText', { text: '日本' });
    await until('the word', () => typed === 'a日本');
    await page.keyboard.press('Shift+b');
    await until('the capital', () => typed === 'a日本B');
    expect(typed).toBe('a日本B');
  });

  it('says which way it came, and follows another size', async () => {
    await page.keyboard.press('Control+Alt+Shift+I');
    await page.getByText(shown).first().waitFor();
    await page.setViewportSize({ width: 1000, height: 640 });
    await page.getByText('994 × 605').waitFor();
    await blue(300, 560);
    if (shots !== undefined) await page.screenshot({ path: `${shots}/real-3.png` });
  });

  it('is back by the same way after the link was cut', async () => {
    relay.cut();
    await stands('silent');
    await stands('reconnecting');
    relay.mend();
    await stands('attached');
    await page.mouse.click(300, 250);
    await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA', undefined, { timeout: 15_000 });
    await page.keyboard.press('c');
    await until('what is typed goes on where it was', () => typed === 'a日本Bc');
  });

  it('is there again after the page is loaded anew', async () => {
    const before = typed;
    await page.reload();
    await stands('attached');
    await blue(300, 560);
    expect(typed, 'it is the same session').toBe(before);
  });

  it('ends the session, and nothing went wrong in the page', async () => {
    await page.getByRole('button', { name: 'メニュー' }).click();
    await page.getByRole('button', { name: 'セッションを終了' }).click();
    await page.getByRole('button', { name: '終了する' }).click();
    await page.getByRole('heading', { name: '終了しました' }).waitFor();
    expect(troubles).toEqual([]);
  });

  it('is told why when its device is revoked', async () => {
    // Whoever asks for the own session while it is going down is told that it has ended.
    await until('the session is gone', () => command('sessions', '--json').trim() === '[]', 20_000);
    await page.getByRole('button', { name: '接続する' }).click();
    await stands('attached');
    command('device', 'revoke', '税務課-窓口-3');
    await page.getByRole('heading', { name: '取り消され' }).waitFor();
    if (shots !== undefined) await page.screenshot({ path: `${shots}/real-4.png` });
    expect(troubles).toEqual([]);
    const ways = [...log.matchAll(/Viewer attached .*carrier="?([A-Za-z]+)/g)].map(([, name]) => name);
    expect(ways, 'each connection came the same way').toEqual([name, name, name, name]);
  });
});
