import { setTimeout as sleep } from 'node:timers/promises';
import { between, type Fault, type FaultContext } from './fault.ts';
import type { RawIncus, RawInstance } from './incus-raw.ts';

type Edit = (context: FaultContext, target: RawInstance) => Promise<unknown>;

/** F8: right after the write at the plan's index, somebody else changes the instance too. */
function edit(name: string, act: Edit): Fault {
  return {
    name,
    class: 'F8',
    at: 'write',
    arm: (context) => {
      context.stage.proxy.intercept = async (call, forward) => {
        const answer = await forward();
        if (call.index === context.plan.index) context.beside(meddle(context, act));
        return answer;
      };
    },
  };
}

async function meddle(context: FaultContext, act: Edit): Promise<void> {
  const { incus } = context.stage;
  await sleep(between(context.random, 0, 4) * 30);
  const done = await incus.insist(async () => {
    const target = await targetOf(incus, context.prefix);
    await act(context, target);
  });
  if (done) context.fire();
}

async function targetOf(incus: RawIncus, prefix: string): Promise<RawInstance> {
  const own = (await incus.instances()).filter(({ config }) => config['user.coi.name']?.startsWith(prefix));
  const [target] = own;
  if (!target) throw new Error('there is nothing to meddle with');
  return target;
}

const path = (name: string) => `/1.0/instances/${name}`;

function setState(incus: RawIncus, name: string, action: string): Promise<unknown> {
  return incus.call('PUT', `${path(name)}/state`, { action, force: true, timeout: -1 });
}

async function stop(incus: RawIncus, { name }: RawInstance): Promise<void> {
  await setState(incus, name, 'stop').catch((error: unknown) => {
    if (!/already stopped/.test(String(error))) throw error;
  });
}

async function remove(incus: RawIncus, target: RawInstance): Promise<void> {
  await incus.call('PATCH', path(target.name), { config: { 'security.protection.delete': '' } });
  await stop(incus, target);
  await incus.call('DELETE', path(target.name));
}

/** F8: a second client at work on the same instance. */
export const editFaults: readonly Fault[] = [
  edit('edit-config', async ({ stage: { incus } }, { name }) =>
    incus.call('PATCH', path(name), { config: { 'security.guestapi': 'true', 'security.protection.delete': '' } }),
  ),
  edit('edit-device', async ({ stage: { incus } }, { name, devices }) => {
    const eth0 = { ...devices['eth0'], 'security.port_isolation': 'false' };
    await incus.call('PATCH', path(name), { devices: { ...devices, eth0 } });
  }),
  edit('edit-stop', ({ stage: { incus } }, target) => stop(incus, target)),
  edit('edit-freeze', ({ stage: { incus } }, { name }) => setState(incus, name, 'freeze')),
  edit('edit-delete', ({ stage: { incus } }, target) => remove(incus, target)),
  edit('edit-replace', replace),
  edit('edit-rename', rename),
  edit('edit-restore', async ({ stage: { incus }, random }, { name }) => {
    await incus.call('POST', `${path(name)}/snapshots`, { name: 'before', stateful: false });
    await sleep(between(random, 0, 300));
    await incus.call('PUT', path(name), { restore: 'before' });
  }),
];

/** Deleted, and the name taken by somebody else's instance: that one must never be touched. */
async function replace({ stage: { incus }, onStuck }: FaultContext, target: RawInstance): Promise<void> {
  await remove(incus, target);
  const source = { type: 'image', alias: 'busybox' };
  await incus.call('POST', '/1.0/instances', { name: target.name, source, type: 'container', profiles: ['default'] });
  const isTheirs = ({ config }: RawInstance) => config['user.coi.uid'] === undefined;
  const clear = (theirs: RawInstance) => incus.call('DELETE', path(theirs.name));
  await keepAsIs({ incus, onStuck, isTheirs }, target.name, clear);
}

/** Renamed by hand: no longer ours, so it stays as it is. */
async function rename({ stage: { incus }, prefix, onStuck }: FaultContext, target: RawInstance): Promise<void> {
  await stop(incus, target);
  const name = `moved-${prefix}x`;
  await incus.call('POST', path(target.name), { name });
  await keepAsIs({ incus, onStuck }, name, (moved) => remove(incus, moved));
}

interface Keeping extends Pick<FaultContext, 'onStuck'> {
  readonly incus: RawIncus;
  /** Tells it from one of coi's that took the name first. */
  readonly isTheirs?: (instance: RawInstance) => boolean;
}

/** Has somebody else's instance compared with what it is now, and taken away by `clear`, once a person would do so. */
async function keepAsIs(keeping: Keeping, name: string, clear: (theirs: RawInstance) => Promise<unknown>) {
  const { incus, onStuck, isTheirs = () => true } = keeping;
  const look = async () => (await incus.instances()).find((each) => each.name === name);
  let before = '';
  // Registered before anything that can fail: a second attempt finds nothing to meddle with.
  onStuck(async () => {
    const theirs = await look();
    if (before !== '' && !theirs) throw new Error(`somebody else's instance is gone:\n${before}`);
    if (!theirs || !isTheirs(theirs)) return;
    const after = JSON.stringify(theirs);
    if (before !== '' && after !== before) {
      throw new Error(`somebody else's instance was touched:\n${before}\n${after}`);
    }
    await clear(theirs);
  });
  const made = await look();
  if (made && isTheirs(made)) before = JSON.stringify(made);
}
