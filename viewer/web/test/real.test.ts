// The page against the real host with a real browser behind it: the web viewer's half of the table of all carriers, tests/CARRIERS.md. The
// native viewer's is tests/tests/end_to_end/carriers.rs.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Desk } from './desk';
import { filter, inOwnNetwork, inside, loses, up } from './namespace';
import { until } from './peer';
import type { Conditions } from './relay';

interface Way extends Conditions {
  way: string;
  /** The carrier as the host names it, and what the page says of it. */
  name: string;
  shown: string;
  /** What the page's browser does not have. */
  lacks?: string[];
  /** How many of a hundred TCP packets are lost; such a way has a network of its own. */
  tcpLoss?: number;
}

/** Every way between page and host; each test is one over all of them. */
const WAYS: Way[] = [
  { way: 'WebTransport', name: 'WebTransport', shown: 'WebTransport', udp: true, roundTrip: 0, loss: 0 },
  { way: 'WebTransport, far and lossy', name: 'WebTransport', shown: 'WebTransport', udp: true, roundTrip: 20, loss: 10 },
  { way: 'WebRTC, where QUIC is swallowed', name: 'WebRTC', shown: 'WebRTC', udp: 'webrtc', roundTrip: 0, loss: 0 },
  { way: 'WebRTC, far and lossy', name: 'WebRTC', shown: 'WebRTC', udp: true, roundTrip: 20, loss: 10, lacks: ['WebTransport', 'WebSocket'] },
  { way: 'WebRTC, where the browser has no WebTransport', name: 'WebRTC', shown: 'WebRTC', udp: true, roundTrip: 0, loss: 0, lacks: ['WebTransport'] },
  { way: 'WebSocket, where UDP is swallowed', name: 'WebSocket', shown: 'WebSocket (TLS)。UDP ポート', udp: false, roundTrip: 0, loss: 0 },
  { way: 'WebSocket, far and lossy', name: 'WebSocket', shown: 'WebSocket (TLS)。UDP ポート', udp: false, roundTrip: 20, loss: 0, tcpLoss: 1 },
];

const FALLBACK = 'the fallback';
const self = fileURLToPath(import.meta.url);
const here = WAYS.filter(({ way, tcpLoss }) => (inside === undefined ? tcpLoss === undefined : way === inside));
const elsewhere = inside === undefined ? WAYS.filter(({ tcpLoss }) => tcpLoss !== undefined) : [];

if (inside !== undefined) up();

describe.each(here)('the page and the real host over $way', ({ name, shown, tcpLoss, lacks, ...conditions }) => {
  let desk: Desk;

  beforeAll(async () => {
    desk = await Desk.start(conditions);
    if (lacks !== undefined) await desk.lacks(...lacks);
    if (tcpLoss !== undefined) filter(...loses(tcpLoss, desk.relay.port));
  });
  afterAll(() => desk?.stop());

  it('enrols, is approved, and shows the session exactly', async () => {
    const code = await desk.ask();
    await desk.stands('waiting');
    desk.approve(code);
    await desk.stands('attached');
    await until('the page behind it is loaded', () => desk.isReady, 30_000);
    await desk.blue(1200, 700);
    await desk.shot('real-1');
  });

  it('a click and typed text reach the page and its picture comes back exact', async () => {
    const { page } = desk;
    await page.mouse.click(80, 450);
    await until('the click', () => desk.clicks === 1);
    await desk.intoField();
    await page.keyboard.press('a');
    await until('the letter', () => desk.typed === 'a');
    // A caret that blinks is no rest.
    await page.mouse.click(1200, 700);
    await desk.exact();
  });

  it('what is composed and committed arrives once', async () => {
    const { page } = desk;
    await desk.intoField();
    const client = await desk.devtools();
    await client.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
    await desk.shot('real-2');
    await client.send('Input.insertText', { text: '日本' });
    await until('the word', () => desk.typed === 'a日本');
    await page.keyboard.press('Shift+b');
    await until('the capital', () => desk.typed === 'a日本B');
    expect(desk.typed).toBe('a日本B');
  });

  it('another size is followed, and the details say which way it came', async () => {
    const { page } = desk;
    await page.keyboard.press('Control+Alt+Shift+I');
    await page.getByText(shown).first().waitFor();
    await page.setViewportSize({ width: 1000, height: 640 });
    await page.getByText('994 × 605').waitFor();
    await desk.blue(300, 560);
    await desk.shot('real-3');
  });

  it('after a cut the same page is back', async () => {
    desk.relay.cut();
    await desk.page.keyboard.press('x');
    await desk.stands('silent');
    await desk.stands('reconnecting');
    desk.relay.mend();
    await desk.stands('attached');
    await desk.page.getByText('届いていないことがあります').first().waitFor();
    expect(desk.typed, 'what was typed into the cut is lost, which is said').toBe('a日本B');
    await desk.intoField();
    await desk.page.keyboard.press('c');
    await until('what is typed goes on where it was', () => desk.typed === 'a日本Bc');
  });

  it('after it is loaded anew the same page is back', async () => {
    const before = desk.typed;
    await desk.page.reload();
    await desk.stands('attached');
    await desk.blue(300, 560);
    expect(desk.typed, 'it is the same session').toBe(before);
  });

  it('ends the session, and nothing went wrong in the page', async () => {
    const { page } = desk;
    await page.getByRole('button', { name: 'メニュー' }).click();
    await page.getByRole('button', { name: 'セッションを終了' }).click();
    await page.getByRole('button', { name: '終了する' }).click();
    await page.getByRole('heading', { name: '終了しました' }).waitFor();
    expect(desk.troubles).toEqual([]);
  });

  it('is told why when its device is revoked', async () => {
    const { page } = desk;
    // Whoever asks for the own session while it is going down is told that it has ended.
    await until('the session is gone', () => desk.command('sessions', '--json').trim() === '[]', 20_000);
    await page.getByRole('button', { name: '接続する' }).click();
    await desk.stands('attached');
    desk.command('device', 'revoke', '税務課-窓口-3');
    await page.getByRole('heading', { name: '取り消され' }).waitFor();
    await desk.shot('real-4');
    expect(desk.troubles).toEqual([]);
    expect(desk.ways, 'each connection came the same way').toEqual([name, name, name, name]);
  });
});

describe.runIf(elsewhere.length > 0).each(elsewhere)('the page and the real host over $way', ({ way }) => {
  it('does all of the same, in a network of its own', () => inOwnNetwork(self, way), 300_000);
});

describe.runIf(inside === undefined)('over WebTransport', () => {
  let desk: Desk;
  beforeAll(async () => {
    desk = await Desk.start({ udp: true, roundTrip: 40, loss: 50 });
  });
  afterAll(() => desk?.stop());

  it('where packets are lost pictures come by their copies and are right', async () => {
    await desk.enrol();
    await desk.intoField();
    let text = '';
    let spliced = 0;
    for (const end = Date.now() + 40_000; spliced === 0; ) {
      expect(Date.now(), `no copy was needed in ${text.length} letters`).toBeLessThan(end);
      for (let letters = 0; letters < 10; letters += 1) {
        text += 'a';
        await desk.page.keyboard.press('a');
        await until('the letter', () => desk.typed === text);
      }
      spliced = await desk.detail('spliced', (bytes) => bytes > 0, 700);
    }
    console.info(`measured: ${spliced} bytes of updates came by copies in ${text.length} letters; ${desk.relay.lost} packets were lost`);
    // A caret that blinks is no rest.
    await desk.page.mouse.click(1200, 700);
    await desk.exact();
    expect(desk.ways).toEqual(['WebTransport']);
    expect(desk.troubles).toEqual([]);
  });
});

describe.runIf(inside === FALLBACK)('the page by itself', () => {
  let desk: Desk;
  beforeAll(async () => {
    desk = await Desk.start({ udp: true, roundTrip: 0, loss: 0 });
  });
  afterAll(() => desk?.stop());

  /** Milliseconds from the page's beginning until it has its session, which is there and warm: the median of five. */
  async function opens(): Promise<number> {
    const times: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      await desk.page.reload();
      await desk.stands('attached');
      times.push(await desk.page.evaluate(() => (window as unknown as { attachedAt: number }).attachedAt));
    }
    return times.sort((one, other) => one - other)[2] ?? 0;
  }

  it('where UDP is dropped the viewer comes through TCP and says so', async () => {
    await desk.page.context().addInitScript(() => {
      new MutationObserver(() => {
        const isThere = document.documentElement.dataset['state'] === 'attached';
        if (isThere) (window as unknown as { attachedAt: number }).attachedAt ??= performance.now();
      }).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-state'] });
    });
    await desk.enrol();
    const withUdp = await opens();
    filter(`udp dport ${desk.relay.port} drop`, `udp sport ${desk.relay.port} drop`);
    const without = await opens();
    await desk.page.keyboard.press('Control+Alt+Shift+I');
    await desk.page.getByText('WebSocket (TLS)。UDP ポート').first().waitFor();
    console.info(`measured: the page has its session after ${withUdp.toFixed(0)} ms by WebTransport, and after ${without.toFixed(0)} ms where UDP is dropped`);
    expect(new Set(desk.ways.slice(0, 6))).toEqual(new Set(['WebTransport']));
    expect(new Set(desk.ways.slice(6))).toEqual(new Set(['WebSocket']));
    expect(desk.troubles).toEqual([]);
  });
});

describe.runIf(inside === undefined)('the page by itself', () => {
  it('chooses its way, in a network of its own', () => inOwnNetwork(self, FALLBACK), 120_000);
});
