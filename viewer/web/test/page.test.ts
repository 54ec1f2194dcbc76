// The page in a real browser against a host of the tests: enrolment, pictures, hands, input method, loss and end.
// With SHOJI_SHOTS set to a folder, pictures of the page are written there.

import { existsSync, readFileSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type CDPSession, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attached, canvasClosed, canvasOpened, close, cursor, field, notice, nowhere, secret, welcome } from './host';
import { Peer, plain, until, type Session } from './peer';

const shots = process.env['SHOJI_SHOTS'];
const vectors = new URL('../../../codec/vectors/', import.meta.url);

let browser: Browser;
let peer: Peer;
let context: BrowserContext;
let page: Page;
let troubles: string[];

beforeAll(async () => {
  if (!existsSync(new URL('../dist/index.html', import.meta.url))) throw new Error('build the page first: npm run build');
  browser = await chromium.launch({ executablePath: process.env['SHOJI_CHROMIUM'] ?? '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
});
afterAll(() => browser.close());

beforeEach(async () => {
  peer = await Peer.start();
  troubles = [];
  await open({});
});

async function open(options: Parameters<Browser['newContext']>[0]): Promise<void> {
  await context?.close();
  context = await browser.newContext({ locale: 'ja-JP', viewport: { width: 1000, height: 700 }, ...options });
  page = await context.newPage();
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !/Failed to load resource|WebSocket connection/.test(message.text())) troubles.push(message.text());
  });
}

afterEach(async () => {
  const { strange } = peer;
  await context.close();
  await peer.stop();
  expect(troubles, 'nothing goes wrong in the page, and its policy is kept').toEqual([]);
  expect(strange, 'nothing is asked for that is not there').toEqual([]);
});

const state = (name: string) => page.waitForFunction((wanted) => document.documentElement.dataset['state'] === wanted, name);
const shot = (name: string) => (shots === undefined ? Promise.resolve() : page.screenshot({ path: `${shots}/${name}.png` }));
const session = (number = 1) => until<Session>(`session ${number}`, () => peer.sessions[number - 1]);

async function enrol(): Promise<void> {
  await page.goto(peer.address);
  await page.getByLabel('この端末の名前').fill('税務課 窓口 3');
  await page.keyboard.press('Enter');
  await state('waiting');
}

/** An enrolled device with a picture. */
async function attach(): Promise<Session> {
  await enrol();
  peer.approve();
  await state('attached');
  const now = await session();
  await until('the picture is acknowledged', () => now.all('presented').length > 0);
  return now;
}

/** The colour of a point of the page, as it is on the screen. */
async function colour(x: number, y: number): Promise<number[]> {
  const png = (await page.screenshot({ clip: { x, y, width: 1, height: 1 } })).toString('base64');
  const blank = await context.newPage();
  const rgb = await blank.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas?.drawImage(bitmap, 0, 0);
    return [...(canvas?.getImageData(0, 0, 1, 1).data ?? [])].slice(0, 3);
  }, png);
  await blank.close();
  return rgb;
}

async function axe(): Promise<void> {
  // Read into the page's own world by the tests' hand; the page's policy would refuse it as a script of its own.
  const client = await context.newCDPSession(page);
  await client.send('Runtime.evaluate', { expression: readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8') });
  const expression = "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then((found) => JSON.stringify(found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])))";
  const { result } = await client.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  await client.detach();
  troubles = troubles.filter((text) => !/axe|TrustedHTML|trusted/i.test(text));
  expect(JSON.parse(String(result.value))).toEqual([]);
}

describe('a device', () => {
  it('is enrolled with a code and goes on by itself when it is approved', async () => {
    await page.goto(peer.address);
    await state('enrol');
    await shot('1-enrol');
    await axe();
    await page.getByLabel('この端末の名前').fill('税務課 窓口 3');
    await page.keyboard.press('Enter');
    await state('waiting');
    await page.getByText('K7QM-4TXR').first().waitFor();
    await shot('2-waiting');
    await axe();
    expect(peer.sessions).toEqual([]);
    peer.approve();
    await state('attached');
  });

  it('that was refused is told so, and asks again only when its person does', async () => {
    await enrol();
    peer.refuse();
    await page.getByRole('heading', { name: 'この端末は登録されていません' }).waitFor();
    await shot('11-refused');
    await axe();
    await page.reload();
    await page.getByRole('heading', { name: 'この端末は登録されていません' }).waitFor();
    expect(peer.asked, 'nobody asked again').toBe(1);
    await page.getByRole('button', { name: 'もう一度申し込む' }).click();
    await page.getByText('K7QM-4TXR').first().waitFor();
    expect(peer.asked).toBe(2);
    peer.approve();
    await state('attached');
  });

  it('that waits shows its code again when it is opened again, without asking', async () => {
    await enrol();
    await page.reload();
    await page.getByText('K7QM-4TXR').first().waitFor();
    expect(peer.asked).toBe(1);
  });

  it('whose name the host does not take is asked for another', async () => {
    await page.goto(peer.address);
    await page.getByLabel('この端末の名前').fill('"窓口"');
    await page.keyboard.press('Enter');
    await page.getByText('名前に使えない文字があります').waitFor();
    await page.getByLabel('この端末の名前').fill('窓口');
    await page.keyboard.press('Enter');
    await state('waiting');
  });

  it('whose enrolment has expired asks again when its person does', async () => {
    await enrol();
    for (const key of peer.devices.keys()) peer.devices.set(key, 'expired');
    await page.getByRole('heading', { name: 'この端末の登録の期限が切れています' }).waitFor();
    await shot('12-expired');
    expect(peer.asked).toBe(1);
    await page.getByRole('button', { name: 'もう一度申し込む' }).click();
    await state('waiting');
  });

  it('whose enrolment ends while it is used can ask again at once, and sees nothing of the session', async () => {
    const now = await attach();
    for (const key of peer.devices.keys()) peer.devices.set(key, 'expired');
    now.send(close(44));
    await page.getByRole('button', { name: 'もう一度申し込む' }).waitFor();
    expect(await page.locator('.stage canvas').count()).toBe(0);
    await page.getByRole('button', { name: 'もう一度申し込む' }).click();
    await state('waiting');
    peer.approve();
    await state('attached');
  });

  it('keeps a key that no script can read, and connects at once the next time', async () => {
    await attach();
    const stored = await page.evaluate(async () => {
      const database = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open('shoji');
        request.onsuccess = () => resolve(request.result);
      });
      const identity = await new Promise<{ privateKey: CryptoKey }>((resolve) => {
        const request = database.transaction('identity').objectStore('identity').get('device');
        request.onsuccess = () => resolve(request.result as { privateKey: CryptoKey });
      });
      database.close();
      const exported = await crypto.subtle.exportKey('pkcs8', identity.privateKey).then(() => true, () => false);
      return { extractable: identity.privateKey.extractable, exported, cookies: document.cookie, local: localStorage.length, search: location.search };
    });
    expect(stored).toEqual({ extractable: false, exported: false, cookies: '', local: 0, search: '' });
    await page.reload();
    await state('attached');
    expect((await session(2)).all('attach')[0]?.how).toBe('own');
  });

  it('that was revoked reads so', async () => {
    await enrol();
    peer.approve();
    await state('attached');
    for (const key of peer.devices.keys()) peer.devices.set(key, 'revoked');
    (await session()).send(close(6));
    await page.getByText('この端末の許可は取り消されました').first().waitFor();
    await shot('7-revoked');
    await page.getByRole('button', { name: '接続する' }).click();
    await page.getByText('この端末の許可は取り消されました').first().waitFor();
    await axe();
  });
});

describe('the picture', () => {
  it('is as large as the stage in physical pixels, and follows it', async () => {
    await open({ deviceScaleFactor: 1.5 });
    const now = await attach();
    const [wanted] = now.all('attach');
    const stage = await page.locator('.stage').evaluate((element) => [element.clientWidth, element.clientHeight]);
    expect([wanted?.width, wanted?.height, wanted?.scale]).toEqual([Math.round((stage[0] ?? 0) * 1.5), Math.round((stage[1] ?? 0) * 1.5), 180]);
    await page.setViewportSize({ width: 820, height: 540 });
    const resized = await until('the new size', () => now.all('resize').find(({ width }) => width < (wanted?.width ?? 0)));
    now.show(1, resized.width, resized.height, plain(resized.width, resized.height, [10, 120, 40]));
    await until('the new picture', async () => (await page.locator('canvas').evaluate((element) => (element as HTMLCanvasElement).width)) === resized.width || null);
  });

  it('is painted where it changed, exactly', async () => {
    const now = await attach();
    const [{ width = 0, height = 0 } = {}] = now.all('attach');
    const { x, y } = (await page.locator('canvas').boundingBox()) ?? { x: 0, y: 0 };
    expect(await colour(x + 10, y + 10)).toEqual([250, 250, 252]);
    expect(await colour(x + 60, y + 60)).toEqual([200, 0, 0]);
    const short = (number: number) => [number & 255, number >> 8];
    now.show(1, width, height, Uint8Array.of(2, 0, ...short(width), ...short(height), 2, ...short(5), ...short(5), ...short(20), ...short(20), 30, 20, 10));
    await until('the update is acknowledged', () => now.all('presented').at(-1)?.update === 2);
    expect(await colour(x + 10, y + 10)).toEqual([10, 20, 30]);
    expect(await colour(x + 60, y + 60)).toEqual([200, 0, 0]);
  });

  it('has the colours of the native viewer where it is H.264', async () => {
    const now = await attach();
    expect((now.all('hello')[0]?.capabilities ?? 0) & 1, 'this browser decodes H.264').toBe(1);
    const bytes = readFileSync(new URL('video.updates', vectors));
    const expected = readFileSync(new URL('video.canvas', vectors));
    const [width, height] = [expected.readUInt16LE(0), expected.readUInt16LE(2)];
    // The last update of the vector makes all exact: what is lossy is seen before it.
    now.send(canvasOpened(9, width, height, 1));
    let last = 0;
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32LE(at);
      last = now.show(9, width, height, bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    await until('the film is acknowledged', () => now.all('presented').some(({ canvas, update }) => canvas === 9 && update === last));
    await page.locator('canvas.dialog').waitFor();
    const shown = await page.locator('canvas.dialog').screenshot();
    const difference = await page.context().newPage().then(async (blank) => {
      const found = await blank.evaluate(
        async ([png, wanted, width]) => {
          const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
          const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
          canvas?.drawImage(bitmap, 0, 0);
          const pixels = canvas?.getImageData(0, 0, bitmap.width, bitmap.height).data ?? [];
          let most = 0;
          for (let at = 0; at < wanted.length / 2; at += 4) {
            const channel = (by: number) => parseInt(wanted.slice((at + by) * 2, (at + by) * 2 + 2), 16);
            for (const [rgba, bgrx] of [[0, 2], [1, 1], [2, 0]] as const) most = Math.max(most, Math.abs((pixels[at + rgba] ?? 0) - channel(bgrx)));
          }
          return [most, bitmap.width === width ? 1 : 0];
        },
        [shown.toString('base64'), expected.subarray(4).toString('hex'), width] as const,
      );
      await blank.close();
      return found;
    });
    expect(difference[1]).toBe(1);
    expect(difference[0]).toBeLessThanOrEqual(3);
  });

  it('of a second window is a tab, which can be chosen and closed', async () => {
    const now = await attach();
    const [{ width = 0, height = 0 } = {}] = now.all('attach');
    now.send(canvasOpened(2, width, height));
    now.show(2, width, height, plain(width, height, [225, 235, 250]));
    await page.getByRole('button', { name: 'ウィンドウ 2', exact: true, pressed: true }).waitFor();
    await shot('4-windows');
    await axe();
    await page.getByRole('button', { name: 'ウィンドウ 1', exact: true }).click();
    await until('the keyboard is at the first window', () => now.all('focus').at(-1)?.canvas === 1);
    await page.getByRole('button', { name: 'ウィンドウ 2 を閉じる' }).click();
    await until('the wish to close it', () => now.all('close-canvas').some(({ canvas }) => canvas === 2));
    now.send(canvasClosed(2));
    await page.getByRole('group', { name: 'ウィンドウ' }).waitFor({ state: 'hidden' });
  });
});

describe('hands', () => {
  it('press keys by their places, lift them, and lift them all when the keyboard goes elsewhere', async () => {
    const now = await attach();
    await page.keyboard.press('a');
    await page.keyboard.press('Control+r');
    await page.keyboard.down('Shift');
    await until('shift is down', () => now.all('key').some(({ code }) => code === 42));
    await page.getByRole('button', { name: 'メニュー' }).focus();
    await until('the keyboard is away', () => now.all('focus').at(-1)?.canvas === null);
    expect(now.all('key').map(({ code, pressed }) => `${code}${pressed ? '+' : '-'}`)).toEqual(['30+', '30-', '29+', '19+', '19-', '29-', '42+']);
    await page.keyboard.up('Shift');
    expect(now.all('lock').map(({ lock, on }) => `${lock}${on}`), 'the locks of this display, told once').toEqual(['0false', '1false']);
  });

  it('point, click and turn the wheel in physical pixels of the canvas', async () => {
    await open({ deviceScaleFactor: 2 });
    const now = await attach();
    const { x, y } = (await page.locator('canvas').boundingBox()) ?? { x: 0, y: 0 };
    await page.mouse.move(x + 100, y + 50);
    await page.mouse.down({ button: 'right' });
    await page.mouse.up({ button: 'right' });
    await page.mouse.wheel(0, 33);
    await until('the wheel', () => now.all('wheel').length > 0);
    expect(now.all('motion').at(-1)).toMatchObject({ canvas: 1, x: 200, y: 100 });
    expect(now.all('button')).toEqual([{ kind: 'button', button: 2, pressed: true }, { kind: 'button', button: 2, pressed: false }]);
    expect(Math.sign(now.all('wheel')[0]?.vertical ?? 0)).toBe(1);
  });

  it('draw with a pen as with a mouse', async () => {
    const now = await attach();
    const pen = await page.context().newCDPSession(page);
    const { x, y } = (await page.locator('canvas').boundingBox()) ?? { x: 0, y: 0 };
    const at = (type: 'mousePressed' | 'mouseMoved' | 'mouseReleased', along: number, buttons: number) =>
      pen.send('Input.dispatchMouseEvent', { type, x: x + along, y: y + 50, button: 'left', buttons, clickCount: 1, pointerType: 'pen', force: 0.5 });
    await at('mousePressed', 100, 1);
    await at('mouseMoved', 140, 1);
    await at('mouseReleased', 140, 0);
    await until('the pen is lifted', () => now.all('button').length === 2);
    expect(now.all('button').map(({ pressed }) => pressed)).toEqual([true, false]);
    expect(now.all('motion').at(-1)).toMatchObject({ canvas: 1, x: 140, y: 50 });
    expect(now.all('touch')).toEqual([]);
  });

  it('touch', async () => {
    await open({ hasTouch: true });
    const now = await attach();
    await page.touchscreen.tap(300, 300);
    await until('the finger is lifted', () => now.all('touch').some(({ phase }) => phase === 2));
    expect(now.all('touch').map(({ phase }) => phase)).toEqual([0, 2]);
    await page.getByRole('button', { name: '文字キーボード' }).waitFor();
  });

  /** A finger that touches the picture. */
  async function touching(): Promise<{ now: Session; phases: () => number[]; finger: CDPSession }> {
    await open({ hasTouch: true });
    const now = await attach();
    const finger = await context.newCDPSession(page);
    await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: 300, y: 300 }] });
    const phases = () => now.all('touch').map(({ phase }) => phase);
    await until('the finger touches', () => phases().length === 1);
    return { now, phases, finger };
  }
  const lift = (finger: CDPSession) => finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });

  it('lift a finger where it touched, also when a dialog opens meanwhile', async () => {
    const { now, phases, finger } = await touching();
    now.send(canvasOpened(9, 200, 150, 1));
    await until('the dialog is there, without a picture', async () => (await page.locator('canvas').count()) === 2 || null);
    await lift(finger);
    await until('the finger is lifted', () => phases().includes(2));
    expect(now.all('touch').map(({ canvas }) => canvas)).toEqual([1, 1]);
  });

  it('hold nothing in the session while the menu is open', async () => {
    const { now, phases, finger } = await touching();
    await page.mouse.move(400, 400);
    await page.mouse.down();
    await until('the button is down', () => now.all('button').length === 1);
    await page.keyboard.press('Control+Alt+Shift+M');
    await page.getByRole('heading', { name: 'メニュー' }).waitFor();
    await until('the touch is taken away', () => phases().includes(3));
    await until('the button is let go', () => now.all('button').at(-1)?.pressed === false);
    await lift(finger);
    await page.mouse.up();
    await page.keyboard.press('Escape');
    await until('the keyboard is back', () => now.all('focus').at(-1)?.canvas === 1);
    expect(phases()).toEqual([0, 3]);
    expect(now.all('button').length).toBe(2);
  });

  it('see the pointer that the host wants', async () => {
    const now = await attach();
    now.send(cursor(9));
    await until('the text cursor', async () => (await page.locator('.stage').evaluate((element) => getComputedStyle(element).cursor)) === 'text' || null);
  });

  it('send what the browser keeps to itself by the menu, without a mouse', async () => {
    const now = await attach();
    await page.keyboard.press('Control+Alt+Shift+M');
    await page.getByRole('heading', { name: 'メニュー' }).waitFor();
    await shot('5-menu');
    await axe();
    await page.getByRole('button', { name: 'Ctrl+W' }).press('Enter');
    await until('Ctrl+W', () => now.all('key').some(({ code, pressed }) => code === 17 && !pressed));
    const keys = now.all('key').map(({ code, pressed }) => `${code}${pressed ? '+' : '-'}`);
    expect(keys.slice(-4)).toEqual(['29+', '17+', '17-', '29-']);
    expect(new Set(keys.filter((key) => key.endsWith('+')).map((key) => key.slice(0, -1)))).toEqual(
      new Set(keys.filter((key) => key.endsWith('-')).map((key) => key.slice(0, -1))),
    );
  });
});

describe('the input method', () => {
  async function typing(): Promise<{ now: Session; client: CDPSession }> {
    const now = await attach();
    now.send(field(1, 3, [120, 200, 2, 20]));
    await until('the field has the keyboard', async () => (await page.evaluate(() => document.activeElement?.tagName)) === 'TEXTAREA' || null);
    // The browser hears of a renderer's focused field with its next frame; what is composed before goes nowhere.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    return { now, client: await context.newCDPSession(page) };
  }

  it('composes at the remote caret, and what it composes and commits is sent once', async () => {
    const { now, client } = await typing();
    const caret = await page.locator('textarea').boundingBox();
    const canvas = await page.locator('canvas').boundingBox();
    expect([Math.round((caret?.x ?? 0) - (canvas?.x ?? 0)), Math.round((caret?.y ?? 0) - (canvas?.y ?? 0))]).toEqual([120, 200]);
    await client.send('Input.imeSetComposition', { text: 'しょうじ', selectionStart: 4, selectionEnd: 4 });
    await until('what is composed', () => now.all('preedit').some(({ text, cursor }) => text === 'しょうじ' && cursor?.[0] === 12));
    await client.send('Input.imeSetComposition', { text: '障子', selectionStart: 2, selectionEnd: 2 });
    await client.send('Input.insertText', { text: '障子' });
    await until('what is committed', () => now.all('commit').length > 0);
    await page.keyboard.press('b');
    await until('a key after it', () => now.all('key').length === 2);
    await client.send('Input.imeSetComposition', { text: 'か', selectionStart: 1, selectionEnd: 1 });
    await client.send('Input.insertText', { text: '紙' });
    await until('the next', () => now.all('commit').length === 2);
    expect(now.all('commit').map(({ text }) => text)).toEqual(['障子', '紙']);
  });

  it('is not there for a secret, nor where nothing takes text', async () => {
    const { now, client } = await typing();
    now.send(secret());
    await until('no field has the keyboard', async () => (await page.evaluate(() => document.activeElement?.tagName)) === 'DIV' || null);
    await client.send('Input.insertText', { text: '秘密' }).catch(() => undefined);
    await page.keyboard.press('c');
    await until('a key', () => now.all('key').length === 2);
    expect(now.all('commit')).toEqual([]);
    now.send(field(1, 4, [0, 0, 1, 20]));
    await until('the field has the keyboard', async () => (await page.evaluate(() => document.activeElement?.tagName)) === 'TEXTAREA' || null);
    now.send(nowhere());
    await until('no field has the keyboard', async () => (await page.evaluate(() => document.activeElement?.tagName)) === 'DIV' || null);
  });

  /** Until this element has the keyboard. */
  const has = (tag: string) => until(`${tag} has the keyboard`, async () => (await page.evaluate(() => document.activeElement?.tagName)) === tag || null);

  it('is there at once where keys ask for an address, and nothing is lost when the host tells of the field', async () => {
    // What is tested is the order: the page's clock goes so slowly that this machine is never too late.
    await page.addInitScript(() => {
      const { setTimeout } = window;
      window.setTimeout = ((work: () => void, after = 0) => setTimeout(work, after * 50)) as typeof window.setTimeout;
    });
    const now = await attach();
    const client = await context.newCDPSession(page);
    await has('DIV');
    await page.keyboard.press('Control+l');
    await has('TEXTAREA');
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    await client.send('Input.imeSetComposition', { text: 'に', selectionStart: 1, selectionEnd: 1 });
    now.send(field(1, 4, [60, 10, 2, 20]));
    await until('what is composed', () => now.all('preedit').some(({ text }) => text === 'に'));
    await client.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
    await client.send('Input.insertText', { text: '日本' });
    await until('what is committed', () => now.all('commit').length > 0);
    expect(now.all('commit').map(({ text }) => text)).toEqual(['日本']);
    expect(now.all('preedit').map(({ text }) => text), 'nothing was given up').not.toContain('');
    await has('TEXTAREA');
  });

  it('is not there any more where keys asked for a field that does not come, nor for a secret', async () => {
    const { now } = await typing();
    now.send(nowhere());
    await has('DIV');
    await page.keyboard.press('Control+f');
    await has('TEXTAREA');
    await has('DIV');
    await page.keyboard.press('Control+f');
    await has('TEXTAREA');
    now.send(secret());
    await has('DIV');
    await page.keyboard.press('Control+f');
    await until('the keys', () => now.all('key').length === 12);
    expect(await page.evaluate(() => document.activeElement?.tagName), 'a secret is still typed').toBe('DIV');
  });

  it('loses nothing that is composed when a click ends it', async () => {
    const { now, client } = await typing();
    await client.send('Input.imeSetComposition', { text: 'とちゅう', selectionStart: 4, selectionEnd: 4 });
    await until('what is composed', () => now.all('preedit').some(({ text }) => text === 'とちゅう'));
    await page.mouse.click(500, 400);
    await until('the click', () => now.all('button').length === 2);
    expect(now.all('commit').map(({ text }) => text)).toEqual(['とちゅう']);
  });
});

describe('the connection', () => {
  it('that is made again leaves the window in front that was there', async () => {
    const now = await attach();
    const [{ width = 0, height = 0 } = {}] = now.all('attach');
    const second = (to: Session) => {
      to.send(canvasOpened(2, width, height));
      to.show(2, width, height, plain(width, height, [225, 235, 250]));
    };
    second(now);
    await page.getByRole('button', { name: 'ウィンドウ 2', exact: true, pressed: true }).waitFor();
    await page.getByRole('button', { name: 'ウィンドウ 1', exact: true }).click();
    await until('the keyboard is at the first window', () => now.all('focus').at(-1)?.canvas === 1);
    now.drop();
    const next = await session(2);
    await until('the first window is back', () => next.all('presented').some(({ canvas }) => canvas === 1));
    second(next);
    await until('the second window is back', () => next.all('presented').some(({ canvas }) => canvas === 2));
    await page.getByRole('button', { name: 'ウィンドウ 1', exact: true, pressed: true }).waitFor();
    expect(next.all('focus').map(({ canvas }) => canvas), 'the keyboard never goes to the second').not.toContain(2);
  });

  it('whose picture overtakes the word that there is a session shows it all the same', async () => {
    peer.begins = false;
    await enrol();
    peer.approve();
    const now = await session();
    const { width, height } = await until('the wish for a session', () => now.all('attach')[0]);
    const [hello] = now.all('hello');
    now.send(welcome(hello?.capabilities ?? 0), canvasOpened(1, width, height));
    now.show(1, width, height, plain(width, height, [250, 250, 252]));
    await until('the picture is acknowledged', () => now.all('presented').length > 0);
    expect(await page.evaluate(() => document.documentElement.dataset['state'])).not.toBe('attached');
    now.send(attached());
    await state('attached');
    await until('the keyboard is at the window', () => now.all('focus').at(-1)?.canvas === 1);
  });

  it('that is lost is made again with the token, and the last picture stays, dimmed', async () => {
    const now = await attach();
    await shot('3-attached');
    peer.tickets = false;
    now.drop();
    await state('reconnecting');
    await page.getByText('接続が切れました。つなぎ直しています').first().waitFor();
    expect(await page.locator('.stage.dimmed canvas').count()).toBe(1);
    await shot('6-reconnecting');
    await axe();
    peer.tickets = true;
    const next = await session(2);
    await state('attached');
    expect(next.all('attach')[0]?.how).toBe(77n);
    await until('one canvas again', async () => (await page.locator('canvas').count()) === 1 || null);
  });

  it('that is back says that what was typed just before may be missing, and says it once', async () => {
    const now = await attach();
    await page.keyboard.press('a');
    await until('the key', () => now.all('key').length === 2);
    now.drop();
    const next = await session(2);
    await page.getByText('届いていないことがあります').first().waitFor();
    await shot('6-may-lack-input');
    await axe();
    await until('the picture is acknowledged', () => next.all('presented').length > 0);
    next.drop();
    await session(3);
    await page.locator('.toast').waitFor({ state: 'detached' });
    await state('attached');
    expect(await page.getByText('届いていないことがあります').count()).toBe(0);
  });

  it('that is back says nothing of that where a picture showed what was typed', async () => {
    const now = await attach();
    await page.keyboard.press('a');
    const [key] = await until('the key', () => (now.all('key').length === 2 ? now.all('key') : null));
    const { width, height } = now.all('attach')[0] ?? { width: 0, height: 0 };
    const shown = now.show(1, width, height, plain(width, height, [250, 250, 252]), key?.sequence);
    await until('the picture is acknowledged', () => now.all('presented').some(({ update }) => update === shown));
    now.drop();
    const next = await session(2);
    await state('attached');
    // What it said would be said with the picture, before this.
    next.send(notice(8));
    await page.getByText('まもなくこの画面は終了します').first().waitFor();
    expect(await page.getByText('届いていないことがあります').count()).toBe(0);
    expect(await page.locator('.toast').count()).toBe(1);
  });

  it('that another place took over says so, and comes back by a key', async () => {
    const now = await attach();
    now.send(close(2));
    await page.getByText('別の端末で開かれました').first().waitFor();
    await shot('8-replaced');
    await axe();
    await page.keyboard.press('Enter');
    await state('attached');
    expect((await session(2)).all('attach')[0]?.how).toBe(77n);
  });

  it('whose host is silent says so, and goes on when it answers', async () => {
    const now = await attach();
    now.answers = false;
    await page.keyboard.press('a');
    await state('silent');
    await page.getByText('ホストから応答がありません').first().waitFor();
    now.answers = true;
    now.send(notice(8));
    await state('attached');
    await page.getByText('まもなくこの画面は終了します').first().waitFor();
  });

  it('shows its details', async () => {
    await attach();
    await page.keyboard.press('Control+Alt+Shift+I');
    await page.getByText('WebSocket (TLS)').first().waitFor();
    await shot('9-details');
    await axe();
  });

  it('ends the session only after a question', async () => {
    const now = await attach();
    await page.getByRole('button', { name: 'メニュー' }).click();
    await page.getByRole('button', { name: 'セッションを終了' }).click();
    await page.getByRole('heading', { name: 'セッションを終了しますか' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('終了しない');
    await page.getByRole('button', { name: '終了する' }).click();
    await until('the wish to end', () => now.all('end').length === 1);
    now.send(close(1));
    await page.getByRole('heading', { name: '終了しました' }).waitFor();
    await page.getByRole('button', { name: '接続する' }).click();
    await state('attached');
    expect((await session(2)).all('attach')[0]?.how).toBe('own');
  });
});

describe('a browser without H.264', () => {
  it('says so to the host and to the person, and shows the picture all the same', async () => {
    peer.lacks = 'delete self.VideoDecoder;';
    const now = await attach();
    expect((now.all('hello')[0]?.capabilities ?? 1) & 1).toBe(0);
    await page.getByText('このブラウザーは H.264 を再生できないため').waitFor();
  });

  it('that is found only when a film begins connects again without, and takes the session up', async () => {
    peer.lacks =
      "self.VideoDecoder = class { constructor(told) { this.told = told; } configure() {} decode() { this.told.error(new Error('none')); } close() {} " +
      'static isConfigSupported() { return Promise.resolve({ supported: true }); } };';
    const now = await attach();
    const bytes = readFileSync(new URL('video.updates', vectors));
    now.send(canvasOpened(9, 200, 150, 1));
    now.show(9, 200, 150, bytes.subarray(4, 4 + bytes.readUInt32LE(0)));
    const next = await session(2);
    await state('attached');
    expect(next.all('attach')[0]?.how).toBe(77n);
    expect((next.all('hello')[0]?.capabilities ?? 1) & 1).toBe(0);
    await page.getByText('このブラウザーは H.264 を再生できないため').waitFor();
    troubles = troubles.filter((text) => !text.startsWith('H.264 cannot be decoded here'));
  });
});

describe('a picture that is being decoded', () => {
  /** A session whose film waits for a decoder that never answers. */
  async function decoding(): Promise<Session> {
    peer.lacks =
      'self.VideoDecoder = class { state = "configured"; configure() {} decode() {} close() {} ' +
      'static isConfigSupported() { return Promise.resolve({ supported: true }); } };';
    const now = await attach();
    const bytes = readFileSync(new URL('video.updates', vectors));
    now.send(canvasOpened(9, 200, 150, 1));
    now.show(9, 200, 150, bytes.subarray(4, 4 + bytes.readUInt32LE(0)));
    await until('the page took the update', async () => (await page.locator('canvas').count()) === 2 || null);
    return now;
  }

  it('does not keep the next connection waiting when the link is lost', async () => {
    const now = await decoding();
    now.drop();
    const next = await session(2);
    await until('its picture is acknowledged', () => next.all('presented').length > 0);
    await state('attached');
  });

  it('does not hide why the host closed', async () => {
    const now = await decoding();
    now.send(close(2));
    now.drop(4002);
    await page.getByRole('heading', { name: '別の端末' }).waitFor();
    expect(peer.sessions.length).toBe(1);
  });
});

describe('the page', () => {
  it('speaks English to whom reads it first, and is dark for whom wants that', async () => {
    await open({ locale: 'en-US', colorScheme: 'dark' });
    await page.goto(peer.address);
    await page.getByText('Enrol this device').first().waitFor();
    await shot('10-english-dark');
    await axe();
  });
});
