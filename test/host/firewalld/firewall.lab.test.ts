import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../src/base/clock.ts';
import { openFirewalld } from '../../../src/host/firewalld/firewall.ts';
import type { FirewalldFirewall } from '../../../src/host/firewalld/firewall.ts';
import { chooseEndpoint } from '../../../src/network/endpoint.ts';
import { convergeBlockPolicies } from '../../../src/host/xfrm/xfrm.ts';
import { until } from '../../lab/until.ts';
import { rulesFor, uids } from '../nft/guarded.ts';
import { addresses, bridge, inside, World } from '../nft/world.ts';
import type { Agent, TestSandbox } from '../nft/world.ts';
import { FirewalldDaemon } from './daemon.ts';

const port = 8080;
let stack: AsyncDisposableStack;
let world: World;
let daemon: FirewalldDaemon;
let firewall: FirewalldFirewall;
let sandbox: TestSandbox;
let outside: Agent;
let hints = 0;

const rules = () => rulesFor('restricted', sandbox);
const connect = (host: string) => sandbox.order({ do: 'connect', host, port });
const nothingDone = { reloaded: false, added: 0, removed: 0, reasons: [] };
const onHost = (...command: string[]) => inside(world.host, ...command);

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  world = stack.use(await World.make());
  sandbox = await world.sandbox(uids[0]);
  outside = world.agent(world.outside);
  await outside.order({ do: 'serve', port });
  await world.settle(sandbox, [addresses.public6, addresses.private6], port);
  daemon = stack.use(await FirewalldDaemon.start(`/run/netns/${world.host}`));
  firewall = stack.use(await open());
  await convergeBlockPolicies({ bridge, namespace: world.host });
  await firewall.converge(rules());
});
afterAll(() => stack.disposeAsync());

function open(): Promise<FirewalldFirewall> {
  const { host } = world;
  const signal = new AbortController().signal;
  return openFirewalld({ clock, signal, namespace: host, onDrift: () => hints++, bridge, bus: daemon.bus });
}

/** Puts right what is told of, as a controller does, until it is. */
async function repaired(): Promise<void> {
  await until(
    'the rules',
    async () => {
      await firewall.converge(rules());
      return firewall.loaded() !== undefined && (await connect(addresses.public4)) === 'open';
    },
    { timeoutMs: 30_000 },
  );
}

async function nextHint(after: number): Promise<void> {
  await until('a hint', () => hints > after, { timeoutMs: 30_000, everyMs: 5 });
}

/** What of a flood arrives at an address of the private network, where nothing may arrive, while something happens. */
async function leaked(meanwhile: () => Promise<unknown>): Promise<number> {
  const before = (await outside.order({ do: 'received', port })) as number;
  const targets = [addresses.private4, addresses.private6, addresses.metadata4];
  const flood = sandbox.order({ do: 'flood', targets, port, ms: 1_500 });
  await meanwhile();
  expect(await flood).toBeGreaterThan(1_000);
  return ((await outside.order({ do: 'received', port })) as number) - before;
}

describe('direct rules', () => {
  it('are loaded once, each with its owner, and then left alone', async () => {
    expect(await firewall.converge(rules())).toEqual(nothingDone);
    await using again = await open();
    expect(await again.converge(rules())).toEqual(nothingDone);
    const lines = (await daemon.cmd('--direct', '--get-all-rules')).split('\n');
    expect(lines.length).toBeGreaterThan(50);
    for (const line of lines) expect(line).toMatch(/--comment coi:(?:shared|01JABCDEFGHJKMNPQRSTVWXYZ0)(?: |$)/);
  });

  it('tell of no drift while only coi writes', async () => {
    const before = hints;
    await firewall.ensure(rulesFor('open', sandbox));
    await firewall.ensure(rules());
    await delay(500);
    expect(hints).toBe(before);
  });

  it('of another owner with a name that begins alike stay', async () => {
    const other = { uid: uids[1], endpoint: chooseEndpoint({ uid: uids[1], bridge, taken: new Set() }) };
    await firewall.ensure(rulesFor('open', other));
    await firewall.remove([uids[1].slice(0, -1), uids[0].slice(1)]);
    expect(await daemon.cmd('--direct', '--get-all-rules')).toContain(`coi:${uids[1]}`);
    await firewall.remove([uids[1]]);
    expect(await daemon.cmd('--direct', '--get-all-rules')).not.toContain(`coi:${uids[1]}`);
    expect(await connect(addresses.public4)).toBe('open');
  });
});

describe('what goes past coi', () => {
  it.each([
    ['firewalld reloads', () => daemon.cmd('--reload')],
    ['firewalld reloads completely', () => daemon.cmd('--complete-reload')],
    ['firewalld starts anew', () => daemon.down().then(() => daemon.up())],
    ['firewalld is killed and starts anew', () => daemon.down('SIGKILL').then(() => daemon.up())],
    ['the kernel’s rules are flushed', () => onHost('iptables', '-t', 'mangle', '-F')],
    ['one of our rules is deleted', () => onHost('iptables', '-t', 'mangle', '-D', 'coi_out', '5')],
    ['a rule is added to our chains', () => onHost('iptables', '-t', 'mangle', '-A', 'coi_back', '-j', 'RETURN')],
    ['the whole ruleset is flushed', () => onHost('nft', 'flush', 'ruleset')],
  ])('opens nothing and is put right: %s', async (_, meddle) => {
    const before = hints;
    expect(await leaked(meddle)).toBe(0);
    await nextHint(before);
    await repaired();
    expect(await leaked(() => Promise.resolve())).toBe(0);
    expect(await connect(addresses.private4)).toBe('shut');
    expect(await connect(addresses.public6)).toBe('open');
    expect(await firewall.converge(rules())).toEqual(nothingDone);
  });

  it('lets flows go on that were let through, while firewalld reloads', async () => {
    // It cannot reload after a flush: it finds its own table gone, drops everything and has to be started anew.
    await daemon.down();
    await daemon.up();
    await repaired();
    const order = { do: 'connect', host: addresses.public4, port, keep: true } as const;
    const connection = (await sandbox.order(order)) as number;
    await daemon.cmd('--reload');
    expect(await sandbox.order({ do: 'talk', connection })).toBe('open');
    await repaired();
  });
});

describe('without a usable firewalld', () => {
  it('says so within ten seconds when it hangs, and keeps what is in force', async () => {
    daemon.hang(true);
    const began = performance.now();
    await expect(open()).rejects.toMatchObject({ code: 'firewalld.away', hint: expect.stringContaining('"nft"') });
    expect(performance.now() - began).toBeLessThan(10_500);
    await expect(firewall.ensure(rulesFor('open', sandbox))).rejects.toMatchObject({ code: 'firewalld.away' });
    expect(await connect(addresses.public4)).toBe('open');
    expect(await connect(addresses.private4)).toBe('shut');
    daemon.hang(false);
    await repaired();
    expect(await connect(addresses.private4)).toBe('shut');
  });

  it('says so at once when it does not run', async () => {
    await daemon.down();
    await expect(open()).rejects.toMatchObject({
      code: 'firewalld.away',
      hint: expect.stringContaining('systemctl start firewalld'),
    });
    await daemon.up();
    await repaired();
  });

  it('says so when there is no bus', async () => {
    const init = {
      clock,
      signal: new AbortController().signal,
      namespace: world.host,
      onDrift: () => undefined,
      bridge,
    };
    await expect(openFirewalld({ ...init, bus: 'unix:path=/nonexistent' })).rejects.toMatchObject({
      code: 'firewalld.away',
    });
  });
});
