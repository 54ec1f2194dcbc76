// The host's certificate as `host/WEB.md` says it is installed: without it the browser warns, with it the page opens.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from './peer';

const program = process.env['SHOJI_HOST'];
if (program === undefined) throw new Error("SHOJI_HOST is not set: build shoji-host, then set it to that program's path");

const state = mkdtempSync(join(tmpdir(), 'shoji-trust-'));
const certificate = join(state, 'shoji-ca.crt');
let host: ChildProcess;
let address = '';

beforeAll(async () => {
  host = spawn(program, ['serve', '--state', state, '--listen', '127.0.0.1:0', '--print-ready'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  host.stdout?.on('data', (part) => (said += String(part)));
  address = await until('the host listens', () => /ready (\S+)/.exec(said)?.[1], 30_000);
  execFileSync(program, ['ca', '--out', certificate, '--state', state]);
});

afterAll(async () => {
  host?.kill('SIGTERM');
  if (host?.exitCode === null) await once(host, 'exit');
  rmSync(state, { recursive: true, force: true });
});

/** A browser of a person who never had one: what it opens. */
async function withNewHome(prepare: (home: string) => void, look: (page: Page) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'shoji-home-'));
  prepare(home);
  const context = await chromium.launchPersistentContext(join(home, 'profile'), {
    executablePath: process.env['SHOJI_CHROMIUM'] ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    env: { ...process.env, HOME: home } as Record<string, string>,
    locale: 'ja-JP',
  });
  try {
    await look(await context.newPage());
  } finally {
    await context.close();
    rmSync(home, { recursive: true, force: true });
  }
}

it('is refused by a browser that does not know it', async () => {
  await withNewHome(
    () => {},
    async (page) => expect(page.goto(`https://${address}/`)).rejects.toThrow(/ERR_CERT_AUTHORITY_INVALID/),
  );
});

it('opens the page in a browser in which it was installed, and the browser may ask to become a device', async () => {
  const install = (home: string) => {
    const store = join(home, '.pki/nssdb');
    mkdirSync(store, { recursive: true });
    execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password']);
    execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'shoji', '-i', certificate]);
  };
  await withNewHome(install, async (page) => {
    await page.goto(`https://${address}/`);
    await page.getByLabel('この端末の名前').fill('税務課 窓口 3');
    await page.keyboard.press('Enter');
    expect(await page.locator('.code').textContent()).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
  });
});
