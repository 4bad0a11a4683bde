import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlanReport } from '../../src/controller/control-api.ts';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';

let lab: Lab;
let controller: LabController;

/** A controller runs and made one sandbox, beside an instance of somebody else. */
beforeAll(async () => {
  lab = await openLab({ name: 'uninstall' });
  const settings = `[incus]\nstorage_pool = "default"\n[controller]\nsources = ["${join(lab.dir, 'desired')}"]\n`;
  controller = await startController(lab, { settings });
  await controller.declare('one');
  await controller.ready('one');
  await lab.incus('init', 'busybox', 'mine');
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe('the end of coi on a host', () => {
  it('is refused while a controller runs', async () => {
    expect(await controller.coi('uninstall', '--yes')).toMatchObject({ exitCode: 1 });
    expect((await controller.instances()).get('coi-one')).toBe('Running');
    await controller.stop();
  });

  it('can wait: a look without a controller changes nothing', async () => {
    const before = await lab.inside.output(['nft', '-s', 'list', 'ruleset']);
    await lab.incus('stop', '--force', 'coi-one');
    const { exitCode, stdout } = await controller.coi('diff', '--format=json');
    const plans = JSON.parse(stdout) as PlanReport[];
    expect(plans.map(({ name, steps }) => [name, steps.length > 0])).toEqual([['one', true]]);
    expect(exitCode).toBe(1);
    expect((await controller.instances()).get('coi-one')).toBe('Stopped');
    expect(await lab.inside.output(['nft', '-s', 'list', 'ruleset'])).toBe(before);
  });

  it('takes every sandbox, the tables and the block policies along, and nothing else', async () => {
    const { exitCode, stdout } = await controller.coi('uninstall', '--yes', '--format=json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ removed: ['one'] });
    expect([...(await controller.instances()).keys()]).toEqual(['mine']);
    expect(await lab.inside.output(['nft', 'list', 'tables'])).not.toContain(' coi');
    expect(await lab.inside.output(['ip', 'xfrm', 'policy'])).toBe('');
  });
});
