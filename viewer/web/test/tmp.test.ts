import { expect, it } from 'vitest';
import { Desk } from './desk';
it('revokes', async () => {
  const loss = Number(process.env['LOSS'] ?? '50');
  const desk = await Desk.start({ udp: true, roundTrip: 20, loss });
  let failures = 0;
  const turns = Number(process.env['TURNS'] ?? '40');
  for (let turn = 0; turn < turns; turn += 1) {
    await desk.open();
    const name = `機 ${turn}`;
    desk.approve(await desk.ask(name));
    await desk.stands('attached');
    const before = Date.now();
    const at = desk.log.length;
    const said = desk.command('device', 'revoke', name.replaceAll(' ', '-'));
    try {
      await desk.page.getByRole('heading', { name: '取り消され' }).waitFor({ timeout: 20_000 });
      console.info(turn, Date.now() - before, said.trim());
    } catch {
      failures += 1;
      console.info(turn, 'FAILED', said, await desk.page.evaluate(() => document.documentElement.dataset['state'] + ' ' + document.body.innerText));
      console.info(desk.log.slice(at));
      await desk.shot(`fail-${turn}`);
    }
  }
  await desk.stop();
  expect(failures).toBe(0);
}, 900_000);
