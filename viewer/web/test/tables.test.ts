// Tables that exist in two languages say the same: the protocol's numbers, the native viewer's keys, the catalogues.

import { readFileSync, readdirSync } from 'node:fs';
import { FluentResource } from '@fluent/bundle';
import { describe, expect, it } from 'vitest';
import { CURSORS } from '../src/cursors';
import { CloseCode, endOf, leavesSession, NOTICES, passes, textsOf } from '../src/ends';
import { evdev, stroke } from '../src/keys';
import { languageOf, Texts } from '../src/texts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const boundary = read('protocol/tests/protocol/snapshots/protocol__boundary__boundary.snap');

/** The names of a closed set of the protocol, by their numbers. */
function set(name: string): Map<number, string> {
  const [, body = ''] = new RegExp(`\\*\\*${name}\\*\\* \\(one of [^\\n]*\\n((?:  - [^\\n]*\\n)+)`).exec(boundary) ?? [];
  return new Map([...body.matchAll(/ {2}- (\w+) = (\d+)/g)].map(([, word = '', number = '']) => [Number(number), word]));
}

describe('the protocol', () => {
  it('numbers its reasons to close as the page does', () => {
    const codes = set('CloseCode');
    expect(codes.size).toBeGreaterThan(20);
    for (const [name, number] of Object.entries(CloseCode)) {
      expect(codes.get(number)?.toLowerCase(), name).toBe(name.toLowerCase());
    }
  });

  it('numbers its notices and pointers as the page does', () => {
    expect([...set('Notice').keys()]).toEqual(NOTICES.map((_, at) => at));
    const shapes = [...set('CursorShape').values()];
    expect(shapes.length).toBe(CURSORS.length);
    const css = (name: string) => name.replace(/([a-zA-Z])([A-Z][a-z])/g, '$1-$2').toLowerCase();
    const others: Record<string, string> = { hidden: 'none', 'dnd-ask': 'copy', 'all-resize': 'move' };
    expect([...CURSORS]).toEqual(shapes.map((shape) => others[css(shape)] ?? css(shape)));
  });

  it('has an explanation in both languages for every end', () => {
    const ends = [...set('CloseCode').keys()].map(endOf);
    const others = ['unreachable', 'version', 'refused', 'revoked', 'expired', 'lost', 'busy', 'fault', 'unsupported'] as const;
    for (const language of ['ja', 'en'] as const) {
      const texts = new Texts(language);
      for (const end of [...ends, ...others.map((kind) => ({ kind }))]) {
        for (const id of textsOf(end)) {
          const said = texts.say(id, { host: 'h', code: 1 });
          expect(said, JSON.stringify(end)).not.toBe(id);
          expect(said).not.toContain('{');
        }
      }
      for (const id of NOTICES) expect(texts.say(id)).not.toBe(id);
    }
  });

  it('is not tried again where a person is needed', () => {
    const { revoked, replaced, sessionEnded, workerDied, keepAliveLost, hostStopping } = CloseCode;
    for (const code of [revoked, replaced, sessionEnded, workerDied]) expect(passes(endOf(code))).toBe(false);
    for (const code of [keepAliveLost, hostStopping]) expect(passes(endOf(code))).toBe(true);
    expect(leavesSession(endOf(replaced))).toBe(true);
    expect(leavesSession(endOf(sessionEnded))).toBe(false);
  });
});

describe('keys', () => {
  it('have the numbers of the native viewer', () => {
    const [, table = ''] = /table! \{\n {4}Escape([\s\S]*?)\n\}/.exec(read('viewer/src/keys.rs')) ?? [];
    const rows = [...`Escape${table}`.matchAll(/(\w+) (\d+) "/g)];
    expect(rows.length).toBeGreaterThan(100);
    for (const [, name = '', number] of rows) {
      expect(evdev(name.replace('Super', 'Meta')), name).toBe(Number(number));
    }
  });

  it('type every ASCII character, each at a place of its own', () => {
    for (const jis of [true, false]) {
      const places = Array.from({ length: 95 }, (_, at) => JSON.stringify(stroke(String.fromCharCode(32 + at), jis)));
      expect(new Set(places).size).toBe(95);
      expect(places).not.toContain('null');
      expect(stroke('あ', jis)).toBe(null);
    }
    // As in the native viewer's table.
    const [, native = ''] = /Layout::Jp => match char \{([\s\S]*?)\n {8}\}/.exec(read('viewer/src/keys.rs')) ?? [];
    const rows = [...native.matchAll(/'(\\?.)' => (plain|shifted)\((\d+)\)/g)];
    expect(rows.length).toBeGreaterThan(15);
    for (const [, character = '', kind, code] of rows) {
      expect(stroke(character.at(-1) ?? '', true), character).toEqual({ code: Number(code), shift: kind === 'shifted' });
    }
  });

  it('that nobody numbered are none', () => {
    for (const code of ['', 'Unidentified', 'Fn', 'constructor', '__proto__']) expect(evdev(code)).toBe(null);
  });
});

describe('texts', () => {
  it('that only the page has exist in both languages, in the same order, and take no id of the others', () => {
    const ids = (path: string) => new FluentResource(read(path)).body.map(({ id }) => id);
    const own = ids('viewer/web/texts/ja.ftl');
    expect(ids('viewer/web/texts/en.ftl')).toEqual(own);
    expect(ids('viewer/texts/ja.ftl').filter((id) => own.includes(id))).toEqual([]);
  });

  it('are all there that the page says', () => {
    const folder = new URL('../src/', import.meta.url);
    const sources = readdirSync(folder).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(new URL(name, folder), 'utf8')).join('');
    const said = [...sources.matchAll(/(?:say\(|')((?:Web|Menu|Details|Help|Hint|Window|Fullscreen|Segment)[A-Za-z]*)'/g)].map(([, id = '']) => id);
    const texts = new Texts('ja');
    const stems = ['WebEnrol', 'WebWaiting', 'WebGone', 'WebFault', 'WebExpired', 'WebUnsupported', 'WebSocket', 'WebTransport', 'WebRTC'];
    for (const id of new Set(said)) if (!stems.includes(id)) expect(texts.say(id, { number: 1, percent: 1, keys: '', host: '', attempt: 1, key: '', carrier: '', port: '' }), id).not.toBe(id);
  });

  it('are Japanese unless another language is asked for first', () => {
    expect(languageOf(['ja-JP', 'en-US'])).toBe('ja');
    expect(languageOf(['en-US', 'ja'])).toBe('en');
    expect(languageOf(['fr', 'en'])).toBe('en');
    expect(languageOf(['fr'])).toBe('ja');
    expect(languageOf([])).toBe('ja');
  });
});
