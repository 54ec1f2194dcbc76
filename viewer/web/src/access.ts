// Who this browser is to the host: a key pair that cannot leave it, its enrolment, and tickets.
//
// The private key is made not extractable and kept by the browser; nothing that a script could read gives access.

import { fromBase64Url, toBase64Url } from './base64';
import type { Offer } from './carriers/carrier';

interface Identity {
  /** Of an ECDSA key on P-256. */
  privateKey: CryptoKey;
  /** The raw uncompressed point, base64url. */
  key: string;
  name: string;
  /** The host took a request. Absent where an older page kept it. */
  asked?: boolean;
}

/** Why there is no ticket. `unreachable`: nothing answered; `other`: the host said something else. */
export type Refusal = 'unknown' | 'waiting' | 'revoked' | 'expired' | 'busy' | 'name' | 'unreachable' | 'other';

/** `code`: under which it waits, where it does. */
export type Result<T> = { ok: T } | { refused: Refusal; code?: string };

/** Everything the host says fits into this many bytes. */
const MAX_BODY = 4096;

/** No answer of the host takes longer. */
const ANSWER_WITHIN = 8_000;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** What the browser keeps of this device. */
class Drawer {
  private open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open('shoji', 1);
      request.onupgradeneeded = () => request.result.createObjectStore('identity');
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  async get(): Promise<Identity | null> {
    const database = await this.open();
    return new Promise((resolve, reject) => {
      const request = database.transaction('identity').objectStore('identity').get('device');
      request.onsuccess = () => resolve((request.result as Identity | undefined) ?? null);
      request.onerror = () => reject(request.error);
    });
  }

  async put(identity: Identity): Promise<void> {
    const database = await this.open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction('identity', 'readwrite');
      transaction.objectStore('identity').put(identity, 'device');
      transaction.oncomplete = () => resolve();
      transaction.onerror = () => reject(transaction.error);
    });
  }
}

async function post(path: string, body: object): Promise<Result<Record<string, unknown>>> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(new URL(path, location.origin), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    const text = await response.text();
    answer = text.length <= MAX_BODY ? JSON.parse(text) : null;
  } catch {
    return { refused: 'unreachable' };
  }
  if (typeof answer !== 'object' || answer === null) return { refused: 'other' };
  if (response.ok) return { ok: answer as Record<string, unknown> };
  const { error, code } = answer as { error?: unknown; code?: unknown };
  if (error === 'waiting' && typeof code === 'string') return { refused: error, code };
  const known: readonly unknown[] = ['unknown', 'revoked', 'expired', 'busy', 'name'];
  return { refused: known.includes(error) ? (error as Refusal) : 'other' };
}

export class Access {
  private readonly drawer = new Drawer();
  private identity: Identity | null = null;
  /** What the administrator calls this device, once that is known. */
  device: string | null = null;

  /** Whether this browser has a key. */
  async isKnown(): Promise<boolean> {
    this.identity ??= await this.drawer.get();
    return this.identity !== null;
  }

  get name(): string {
    return this.identity?.name ?? '';
  }

  /** Whether the host ever took a request of this browser. */
  get hasAsked(): boolean {
    return this.identity?.asked ?? true;
  }

  /** Asks to be enrolled, because the person wants it: the code for the administrator, or `null` if that was done before. */
  async enrol(name: string): Promise<Result<string | null>> {
    this.identity ??= await this.drawer.get();
    if (this.identity === null || (name !== '' && this.identity.name !== name)) {
      const pair = this.identity === null ? await crypto.subtle.generateKey(ALGORITHM, false, ['sign']) : null;
      const key = pair === null ? this.identity?.key : toBase64Url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
      const privateKey = pair?.privateKey ?? this.identity?.privateKey;
      if (key === undefined || privateKey === undefined) return { refused: 'other' };
      this.identity = { privateKey, key, name, asked: false };
      await this.drawer.put(this.identity);
    }
    const answer = await post('api/enrol', { key: this.identity.key, name: this.identity.name });
    if ('refused' in answer) return answer;
    this.identity = { ...this.identity, asked: true };
    await this.drawer.put(this.identity);
    const { code, device } = answer.ok;
    if (typeof device === 'string') this.device = device;
    return { ok: typeof code === 'string' ? code : null };
  }

  /** A challenge, which an enrolled device gets. */
  async challenge(): Promise<Result<string>> {
    if (this.identity === null) return { refused: 'unknown' };
    const answer = await post('api/challenge', { key: this.identity.key });
    if ('refused' in answer) return answer;
    const { challenge } = answer.ok;
    return typeof challenge === 'string' ? { ok: challenge } : { refused: 'other' };
  }

  /** A ticket, good once and for a short time, and the ways to use it. */
  async ticket(challenge: string): Promise<Result<{ ticket: Uint8Array<ArrayBuffer>; offers: Offer[] }>> {
    if (this.identity === null) return { refused: 'unknown' };
    const text = `shoji ticket 1\n${location.origin}\n${challenge}`;
    const signed = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.identity.privateKey, new TextEncoder().encode(text));
    const signature = toBase64Url(new Uint8Array(signed));
    const answer = await post('api/ticket', { key: this.identity.key, challenge, signature });
    if ('refused' in answer) return answer;
    const { ticket, carriers } = answer.ok;
    if (typeof ticket !== 'string' || !Array.isArray(carriers)) return { refused: 'other' };
    const offers = (carriers as unknown[]).slice(0, 8).filter((offer): offer is Offer => {
      const kind = (offer as { kind?: unknown } | null)?.kind;
      return kind === 'websocket' || kind === 'webtransport' || kind === 'webrtc';
    });
    return { ok: { ticket: fromBase64Url(ticket), offers } };
  }
}
