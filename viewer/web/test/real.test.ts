// The page against the real host with a real browser behind it. `./shoji test` names the host's program in SHOJI_HOST; without
// it there is nothing to run against.

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

const program = process.env['SHOJI_HOST'];
const shots = process.env['SHOJI_SHOTS'];

/** A page that tells what was typed into it, and whose colour no browser has around a page. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>Test</title>
<style>html,body{margin:0;height:100%;background:#0033cc}textarea{position:absolute;left:40px;top:40px;width:70%;height:200px;font:24px sans-serif}</style>
<textarea autofocus></textarea>
<script>const t=document.querySelector('textarea');t.focus();addEventListener('load',()=>fetch('/ready'));
t.oninput=e=>e.isComposing||fetch('/typed',{method:'POST',body:t.value});t.addEventListener('compositionend',()=>setTimeout(()=>fetch('/typed',{method:'POST',body:t.value})))</script>`;

describe.skipIf(program === undefined)('the page and the real host', () => {
  const [state, profile] = [mkdtempSync(join(tmpdir(), 'shoji-web-')), program ?? ''];
  let host: ChildProcess;
  let address = '';
  let pages: Server;
  let browser: Browser;
  let page: Page;
  let typed = '';
  let isReady = false;
  const troubles: string[] = [];
  const command = (...words: string[]) => execFileSync(profile, [...words, '--state', state], { encoding: 'utf8' });
  const stands = (name: string) => page.waitForFunction((wanted) => document.documentElement.dataset['state'] === wanted, name, { timeout: 60_000 });

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
    host = spawn(profile, ['serve', '--state', state, '--listen', '127.0.0.1:0', '--print-ready', '--start-url', start], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    host.stdout?.on('data', (part) => (said += String(part)));
    address = await until('the host listens', () => /ready (\S+)/.exec(said)?.[1], 30_000);
    command('user', 'add', 'demo');
    browser = await chromium.launch({ executablePath: process.env['SHOJI_CHROMIUM'] ?? '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
    const context = await browser.newContext({ locale: 'ja-JP', viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true });
    page = await context.newPage();
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) troubles.push(message.text());
    });
  });

  afterAll(async () => {
    await browser?.close();
    host?.kill('SIGTERM');
    if (host?.exitCode === null) await once(host, 'exit');
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

  it('follows another size, and is there again after the page is loaded anew', async () => {
    await page.keyboard.press('Control+Alt+Shift+I');
    await page.setViewportSize({ width: 1000, height: 640 });
    await page.getByText('994 × 605').waitFor();
    await blue(300, 560);
    if (shots !== undefined) await page.screenshot({ path: `${shots}/real-3.png` });
    await page.reload();
    await stands('attached');
    await blue(300, 560);
    expect(typed, 'it is the same session').toBe('a日本B');
  });

  it('ends the session, and nothing went wrong in the page', async () => {
    await page.getByRole('button', { name: 'メニュー' }).click();
    await page.getByRole('button', { name: 'セッションを終了' }).click();
    await page.getByRole('button', { name: '終了する' }).click();
    await page.getByRole('heading', { name: '終了しました' }).waitFor();
    expect(troubles).toEqual([]);
  });
});
