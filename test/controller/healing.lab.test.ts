import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController, type LabController } from '../lab/controller.ts';
import { createContainer } from '../lab/create.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { listRules, policiesOf, tablesOf, worldOf } from '../lab/world.ts';
import { isFull } from '../helpers/full.ts';

let lab: Lab;
let controller: LabController;
const names = ['one', 'two'];

beforeAll(async () => {
  lab = await openLab({ name: 'healing' });
  controller = await startController(lab);
  await Promise.all(names.map((name) => controller.declare(name, 'limits.cpu.count = "1"')));
  await Promise.all(names.map((name) => controller.ready(name, 'running')));
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** Breaks something and waits until it looks whole again. @returns how long that took, in milliseconds */
async function heals(what: string, broken: () => Promise<unknown>, [look, whole]: Whole): Promise<number> {
  await broken();
  const began = performance.now();
  await expect.poll(look, { timeout: 10_000, interval: 10 }).toEqual(whole);
  const tookMs = Math.round(performance.now() - began);
  console.log(`${what}: ${tookMs} ms`);
  return tookMs;
}

/** What to look at, and what is seen there when all is well. */
type Whole = readonly [look: () => Promise<unknown>, whole: unknown];

const nft = (...args: string[]) => lab.inside.output(['nft', ...args]);
const xfrm = (...args: string[]) => lab.inside.output(['ip', 'xfrm', 'policy', ...args]);

async function statusOf(name: string): Promise<string | undefined> {
  return (await controller.instances()).get(`coi-${name}`);
}

describe('an instance that somebody changed', () => {
  const isRunning: Whole = [() => statusOf('one'), 'Running'];

  it('is started again after a stop', async () => {
    const tookMs = await heals('stopped', () => lab.incus('stop', 'coi-one', '--force'), isRunning);
    expect(tookMs).toBeLessThan(20_000);
    await controller.ready('one', 'running');
  });

  it('is thawed again', async () => {
    expect(await heals('frozen', () => lab.incus('pause', 'coi-one'), isRunning)).toBeLessThan(20_000);
    await controller.ready('one', 'running');
  });

  it('has its configuration again, and says for what it was put right', async () => {
    const config = async () => (await controller.instance('coi-one')).config;
    await heals(
      'configuration',
      () => lab.incus('config', 'set', 'coi-one', 'limits.cpu=2', 'security.guestapi=true', 'user.mine=kept'),
      [config, expect.objectContaining({ 'limits.cpu': '1', 'security.guestapi': 'false', 'user.mine': 'kept' })],
    );
    await controller.ready('one', 'running');
    expect(await controller.metrics()).toContainEqual(expect.stringMatching(/^coi_drift_detected_total.* [1-9]/));
  });

  it('has its devices and its protection again', async () => {
    const before = await controller.instance('coi-one');
    await heals('device', () => lab.incus('config', 'device', 'remove', 'coi-one', 'eth0'), [
      async () => (await controller.instance('coi-one')).devices,
      before.devices,
    ]);
    await heals('protection', () => lab.incus('config', 'unset', 'coi-one', 'security.protection.delete'), [
      async () => (await controller.instance('coi-one')).config['security.protection.delete'],
      'true',
    ]);
    await controller.ready('one', 'running');
    const link = await lab.inside.output(['ip', '-d', 'link', 'show', before.devices['eth0']?.['host_name'] ?? '']);
    expect(link).toContain('isolated on');
  });

  it('is made again after it was unprotected and deleted', async () => {
    const { uid = '' } = await controller.ready('one', 'running');
    // Put right within a tenth of a second, protection is back before a person could delete: hold the controller still.
    process.kill(controller.pid, 'SIGSTOP');
    await lab.incus('config', 'unset', 'coi-one', 'security.protection.delete');
    await lab.incus('delete', '--force', 'coi-one');
    await heals('deleted', async () => process.kill(controller.pid, 'SIGCONT'), isRunning);
    const again = await controller.when('one', (each) => each.ready && each.uid !== uid);
    expect(again.state).toBe('running');
    await until('its former rules to go', async () => !(await listRules(lab)).includes(uid));
  });
});

describe('rules that somebody took away', () => {
  /** All tables and block policies as they should be. */
  let whole: readonly string[];
  const look = async () => [...(await tablesOf(lab)), ...(await policiesOf(lab))];

  beforeAll(async () => {
    await nft('add table inet theirs { chain keep { type filter hook input priority 0; accept; }; }');
    await Promise.all(names.map((name) => controller.ready(name, 'running')));
    whole = await look();
  });

  it.each([
    ['a chain emptied', () => nft('flush', 'chain', 'inet', 'coi', 'forward')],
    ['a rule added', () => nft('insert', 'rule', 'inet', 'coi', 'judge', 'accept')],
    ['a chain deleted', () => nft('flush chain inet coi input; delete chain inet coi input')],
    ['a table deleted', () => nft('delete', 'table', 'bridge', 'coi')],
    ['both tables deleted', () => nft('delete table inet coi; delete table bridge coi')],
    ['elements deleted', () => nft('flush', 'map', 'inet', 'coi', 'mode4')],
    ['an element added', () => nft('add', 'element', 'inet', 'coi', 'mode4', '{ 10.90.77.77 : goto open }')],
    ['the second layer flushed', () => xfrm('flush')],
    ['one block policy deleted', () => xfrm('deleteall', ...firstPolicy())],
  ])('are loaded again: %s', async (what, broken) => {
    expect(await heals(what, broken, [look, whole])).toBeLessThan(20_000);
  });

  /** Selector of one policy of the second layer. */
  function firstPolicy(): string[] {
    const selector = /^src (\S+) dst (\S+).* dir (\w+)/;
    const [, src = '', dst = '', dir = ''] =
      whole.map((line) => selector.exec(line)).find((match) => match !== null) ?? [];
    return ['src', src, 'dst', dst, 'dir', dir];
  }

  it('are loaded again after everything was flushed; what others had is theirs to restore', async () => {
    const ours = whole.filter((text) => !text.startsWith('table inet theirs'));
    await heals('ruleset flushed', () => nft('flush', 'ruleset'), [look, ours]);
    for (const name of names) await controller.ready(name, 'running');
    expect(await controller.metrics()).toContainEqual(expect.stringMatching(/^coi_nft_drift_total [1-9]/));
  });
});

describe('what belongs to others', () => {
  it('is never touched, and reported where it looks like ours', async () => {
    await lab.inside.output(['ip', 'link', 'add', 'vethother', 'type', 'veth', 'peer', 'name', 'vethpeer']);
    await lab.inside.output(['ip', 'link', 'set', 'vethother', 'master', 'coibr0', 'up']);
    await nft('add table inet theirs { chain keep { accept; }; }');
    await xfrm('add', 'src', '203.0.113.0/24', 'dst', '198.51.100.0/24', 'dir', 'fwd', 'action', 'block');
    await createContainer(lab, { name: 'theirs', number: 4000 });
    await createContainer(lab, { name: 'coi-stranger', start: false });
    await lab.incus('copy', 'coi-two', 'copied');
    await lab.incus('copy', 'coi-two', 'coi-copied');
    const before = await worldOf(lab);
    await until('the reports', async () => {
      const { host } = await controller.status();
      const unmanaged = host.unmanaged.map(({ name }) => name).toSorted();
      return unmanaged.join() === 'coi-copied,coi-stranger,copied';
    });
    expect(await controller.coi('apply')).toMatchObject({ exitCode: 0 });
    const shown = await controller.coi('status');
    for (const name of ['copied', 'coi-copied', 'coi-stranger']) expect(shown.stdout).toContain(name);
    expect(shown.stdout).not.toContain('theirs');
    await controller.restart();
    await controller.coi('apply');
    await sleep(500);
    expect(await worldOf(lab)).toEqual(before);
    expect(await controller.metrics()).toContain('coi_unmanaged{kind="instance"} 3');
  });
});

describe('what a killed controller leaves', () => {
  it('is removed when nobody owns it: rules of an instance that is gone', async () => {
    await controller.declare('brief');
    const { uid = '', ipv4 = '' } = await controller.ready('brief', 'running');
    await controller.stop('SIGKILL');
    await controller.remove('brief.toml');
    await lab.incus('config', 'unset', 'coi-brief', 'security.protection.delete');
    await lab.incus('delete', '--force', 'coi-brief');
    expect(await listRules(lab)).toContain(uid);
    await controller.start();
    await until('its rules to go', async () => !(await listRules(lab)).includes(uid));
    expect(await listRules(lab)).not.toContain(ipv4);
    expect(await controller.sandbox('brief')).toBeUndefined();
  });

  // A link may be younger than the instance's first listing, so it takes a minute.
  it.each(isFull ? ['coi0123456789ab'] : [])('is removed when nobody owns it: the link %s', async (link) => {
    await lab.inside.output(['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'lostpeer']);
    await until('the report', async () => (await controller.status()).host.orphans.includes(link));
    const links = () => lab.inside.output(['ip', '-o', 'link']);
    await sleep(50_000);
    expect(await links()).toContain(link);
    await until('the end of the link', async () => !(await links()).includes(link), {
      timeoutMs: 90_000,
    });
    expect(await links()).toContain('vethother');
  });
});
