// What JIS X 8341-3 (WCAG 2.2 AA) asks for beyond what axe can find: everything by keys alone, focus in sight, room for fingers, large
// text, little motion, and the system's own colours.

import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canvasOpened } from './host';
import { Peer, plain, until, type Session } from './peer';

let browser: Browser;
let peer: Peer;
let page: Page;

beforeAll(async () => {
  if (!existsSync(new URL('../dist/index.html', import.meta.url))) throw new Error('build the page first: npm run build');
  browser = await chromium.launch({ executablePath: process.env['SHOJI_CHROMIUM'] ?? '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
});
afterAll(() => browser.close());

beforeEach(async () => {
  peer = await Peer.start();
  await open({});
});
afterEach(async () => {
  await page.context().close();
  await peer.stop();
});

async function open(options: BrowserContextOptions): Promise<void> {
  await page?.context().close();
  const context = await browser.newContext({ locale: 'ja-JP', viewport: { width: 1280, height: 800 }, ...options });
  page = await context.newPage();
}

const state = (name: string) => page.waitForFunction((wanted) => document.documentElement.dataset['state'] === wanted, name);
const press = (...keys: string[]) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());

/** What has the keyboard: its words, and how it can be seen that it has. */
const focused = () =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
      name: (element.getAttribute('aria-label') ?? element.textContent ?? '').trim() || element.id,
      ring: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
      // Seen where it is: nothing lies over its middle, and it is within the window.
      isInSight: top !== null && (element === top || element.contains(top)) && box.top >= 0 && box.bottom <= innerHeight,
    };
  });

/** The words of everything that Tab reaches from here until it comes round, each of which must be seen to have the keyboard. */
async function tabs(): Promise<string[]> {
  const names: string[] = [];
  for (let presses = 0; presses < 40; presses += 1) {
    const { name, ring, isInSight } = await focused();
    if (names.includes(name) || (await page.evaluate(() => document.activeElement === document.body))) break;
    expect(ring, `the ring around ${name}`).toBeGreaterThanOrEqual(2);
    expect(isInSight, `${name} is in sight`).toBe(true);
    names.push(name);
    await press('Tab');
  }
  return names;
}

/** Everything on the page that a hand aims at, and how large it is. */
const targets = () =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, input:not(.typing), a, [role=button]')]
      .map((element) => ({ name: element.textContent || element.id, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0)
      .map(({ name, box }) => ({ name, width: box.width, height: box.height })),
  );

async function largeEnough(): Promise<void> {
  const all = await targets();
  expect(all.length).toBeGreaterThan(0);
  expect(all.filter(({ width, height }) => width < 24 || height < 24)).toEqual([]);
}

async function enrol(): Promise<void> {
  await page.goto(peer.address);
  await state('enrol');
  await page.keyboard.insertText('税務課');
  await press('Enter');
  await state('waiting');
}

async function attach(): Promise<Session> {
  await enrol();
  peer.approve();
  await state('attached');
  return until<Session>('the session', () => peer.sessions[0]);
}

const menu = () => press('Control+Alt+Shift+m');

describe('by keys alone', () => {
  it('a device is enrolled, and asks again', async () => {
    await page.goto(peer.address);
    await state('enrol');
    expect(await tabs()).toEqual(['name', '登録を申し込む']);
    await press('Shift+Tab');
    await page.locator('input#name').focus();
    await page.keyboard.insertText('税務課');
    await press('Tab', 'Enter');
    await state('waiting');
    peer.refuse();
    await state('unenrolled');
    expect(await tabs()).toEqual(['もう一度申し込む']);
    await page.locator('.actions button').focus();
    await press('Enter');
    await state('waiting');
  });

  it('the menu is opened from within the session, gone through, and left to where one was', async () => {
    const now = await attach();
    await menu();
    await page.locator('dialog.menu').waitFor();
    const items = await tabs();
    expect(items.slice(0, 5)).toEqual(['全画面表示にする', '100%', '125%', '150%', '200%']);
    expect(items.slice(-3)).toEqual(['接続の詳細', 'ヘルプ', 'セッションを終了']);
    await press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await press('a');
    await until('keys go to the session again', () => now.all('key').some(({ code }) => code === 30));
  });

  it('help and the question at the end are read and left by Escape, which ends nothing', async () => {
    await attach();
    for (const [up, name] of [[2, '閉じる'], [1, '終了しない']] as const) {
      await menu();
      await page.locator('dialog.menu').waitFor();
      await press(...Array<string>(up).fill('ArrowUp'), 'Enter');
      await page.locator('dialog:not(.menu)').waitFor();
      expect((await focused()).name).toBe(name);
      expect((await focused()).ring).toBeGreaterThanOrEqual(2);
      await press('Escape');
      await page.locator('dialog').waitFor({ state: 'detached' });
    }
    expect(await page.evaluate(() => document.documentElement.dataset['state'])).toBe('attached');
  });

  it('the session is ended, and begun again', async () => {
    const now = await attach();
    await menu();
    await page.locator('dialog.menu').waitFor();
    await press('ArrowUp', 'Enter');
    await page.locator('dialog:not(.menu)').waitFor();
    await press('Tab', 'Enter');
    await until('the wish arrives', () => now.all('end').length > 0);
  });

  it('people are told how they leave a picture that takes every key', async () => {
    await attach();
    const keys = 'Ctrl+Alt+Shift+M';
    await page.getByRole('application', { name: keys }).waitFor();
    await page.locator('.bar kbd', { hasText: keys }).waitFor();
    expect(await page.getByRole('button', { name: 'メニュー' }).getAttribute('aria-keyshortcuts')).toBe('Control+Alt+Shift+M');
    await menu();
    await page.getByRole('button', { name: 'ヘルプ' }).click();
    await page.locator('dialog.help', { hasText: keys }).waitFor();
  });
});

describe('a hand', () => {
  it('finds everything large enough, on every card, in the bar and in the menu', async () => {
    await page.goto(peer.address);
    await state('enrol');
    await largeEnough();
    await page.keyboard.insertText('税務課');
    await press('Enter');
    await state('waiting');
    peer.refuse();
    await state('unenrolled');
    await largeEnough();
    await press('Enter');
    await state('waiting');
    peer.approve();
    await state('attached');
    const now = await until<Session>('the session', () => peer.sessions[0]);
    const [{ width = 0, height = 0 } = {}] = now.all('attach');
    now.send(canvasOpened(2, width, height));
    now.show(2, width, height, plain(width, height, [225, 235, 250]));
    await page.getByRole('button', { name: 'ウィンドウ 2', exact: true, pressed: true }).waitFor();
    await largeEnough();
    await menu();
    await page.locator('dialog.menu').waitFor();
    await largeEnough();
  });
});

/** Nothing is cut off to the side, and what does not fit in height can be scrolled to. */
async function fits(what: string): Promise<void> {
  const cut = await page.evaluate(() => {
    const all = [...document.querySelectorAll<HTMLElement>('.card, .card *, dialog, dialog *, .bar button, .banner, .banner *, .details, .details *')];
    const wide = all.filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 0 && (left < -0.5 || right > innerWidth + 0.5);
    });
    const hidden = all.filter((element) => {
      const { bottom, width } = element.getBoundingClientRect();
      const scrolls = element.closest('.cover, .details, dialog');
      return width > 0 && bottom > innerHeight + 0.5 && (scrolls === null || scrolls.scrollHeight <= scrolls.clientHeight);
    });
    return [...wide, ...hidden].map((element) => `${element.tagName} ${element.className} ${element.textContent?.slice(0, 20)}`);
  });
  expect(cut, what).toEqual([]);
}

describe('text', () => {
  it('twice as large as usual is as large in everything, and all of it is there', async () => {
    const size = (selector: string) => page.locator(selector).first().evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
    await page.goto(peer.address);
    await state('enrol');
    const before = await Promise.all(['.card h1', '.card p', '.card input', '.hint', '.segment'].map(size));
    const client = await page.context().newCDPSession(page);
    await client.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
    const after = await Promise.all(['.card h1', '.card p', '.card input', '.hint', '.segment'].map(size));
    expect(after).toEqual(before.map((small) => small * 2));
    await fits('the form');
    await page.keyboard.insertText('税務課');
    await press('Enter');
    await state('waiting');
    await fits('the code');
    peer.approve();
    await state('attached');
    await press('Control+Alt+Shift+I');
    await page.locator('.details dd').first().waitFor();
    await fits('the details');
    await menu();
    await page.locator('dialog.menu').waitFor();
    await fits('the menu');
    expect(await tabs(), 'the last item is reached, in sight').toContain('セッションを終了');
  });

  it.each([['ja-JP', 640, 400], ['ja-JP', 320, 256], ['en-GB', 320, 400]])('of %s in a window of %i × %i, as at 200 and 400 %%, is all there', async (locale, width, height) => {
    await open({ locale, viewport: { width, height } });
    await page.goto(peer.address);
    await state('enrol');
    await fits('the form');
    await page.keyboard.insertText('Tax');
    await press('Enter');
    await state('waiting');
    await fits('the code');
    peer.approve();
    await state('attached');
    await press('Control+Alt+Shift+I');
    await page.locator('.details dd').first().waitFor();
    await fits('the details');
    await menu();
    await page.locator('dialog.menu').waitFor();
    await fits('the menu');
  });
});

describe('whoever wants it', () => {
  it('sees nothing move', async () => {
    await open({ reducedMotion: 'reduce' });
    await enrol();
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
    await open({ reducedMotion: 'no-preference' });
    await page.goto(peer.address);
    await enrol();
    expect(await page.evaluate(() => document.getAnimations().length), 'others see that something is waited for').toBe(1);
  });

  it('has the system\'s own colours, and still sees what is chosen, what is waited for, and where each thing ends', async () => {
    await open({ forcedColors: 'active' });
    await enrol();
    const colour = (selector: string, part: 'backgroundColor' | 'borderTopColor', pseudo?: string) =>
      page.locator(selector).first().evaluate((element, [part, pseudo]) => getComputedStyle(element, pseudo)[part as 'color'], [part, pseudo] as const);
    expect(await colour('.busy', 'backgroundColor', '::after')).not.toBe(await colour('.card', 'backgroundColor'));
    peer.approve();
    await state('attached');
    await menu();
    await page.locator('dialog.menu').waitFor();
    expect(await colour("[aria-pressed='true']", 'backgroundColor')).not.toBe(await colour("[aria-pressed='false']", 'backgroundColor'));
    await press('Escape', 'Control+Alt+Shift+I');
    const width = await page.locator('.details').evaluate((element) => parseFloat(getComputedStyle(element).borderTopWidth));
    expect(width).toBeGreaterThanOrEqual(1);
    expect(await colour('.details', 'borderTopColor')).not.toBe(await colour('.details', 'backgroundColor'));
  });
});
