// A network of a test's own: a namespace with a loopback and packet filter rules, which end with the test.
//
// A test runs itself again inside, for the page's browser and the host have to be in it with the test. Needs root, unshare, ip and nft;
// their lack fails the test, as a skip would be believed. Must never touch the machine's own network.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Tells the inner run that it is inside, and what it is to do there. */
const VARIABLE = 'SHOJI_TEST_NAMESPACE';

/** What this run is to do, if it is inside. */
export const inside = process.env[VARIABLE];

/** Once per run that is inside, before anything listens. */
export function up(): void {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
}

/** Runs the tests of a file in a network namespace of their own; there [`inside`] is `name`. */
export async function inOwnNetwork(file: string, name: string): Promise<void> {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const run = spawn('unshare', ['--net', '--', process.execPath, vitest, 'run', file], { env: { ...process.env, [VARIABLE]: name } });
  let said = '';
  for (const stream of [run.stdout, run.stderr]) stream.on('data', (part) => (said += String(part)));
  const [code] = (await once(run, 'exit')) as [number | null];
  // What it measured is told, as in a run of its own.
  for (const [line] of said.matchAll(/measured: .*/g)) console.info(line);
  if (code !== 0) throw new Error(`the test failed inside its network, or may not have one (it needs root):\n${said}`);
}

/** Adds these rules to what arrives on the loopback. */
export function filter(...rules: string[]): void {
  const chain = ['type filter hook input priority 0; policy accept;', ...rules].join('\n');
  execFileSync('nft', ['-f', '-'], { input: `table inet shoji {\nchain arriving {\n${chain}\n}\n}\n` });
}

/** Rules by which so many of a hundred packets of one TCP port are lost, both ways. */
export const loses = (percent: number, port: number): string[] =>
  ['dport', 'sport'].map((end) => `tcp ${end} ${port} numgen random mod 100 < ${percent} drop`);
