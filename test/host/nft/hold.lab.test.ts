import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { holdBridge, holdObstacle } from '../../../src/host/nft/hold.ts';
import { holdName } from '../../../src/network/hold.ts';
import { until } from '../../lab/until.ts';
import { openOn, rulesFor, uids } from './guarded.ts';
import { addresses, inside, World, type Agent, type TestSandbox } from './world.ts';

const port = 8080;
let world: World;
let sandbox: TestSandbox;
let outside: Agent;

beforeAll(async () => {
  world = await World.make();
  sandbox = await world.sandbox(uids[0]);
  outside = world.agent(world.outside);
  await outside.order({ do: 'serve', port });
  await world.agent(world.host).order({ do: 'serve', port });
  await world.settle(sandbox, [addresses.public6], port);
});
afterAll(() => world?.[Symbol.asyncDispose]());

const isHeld = async () => (await inside(world.host, 'nft', 'list', 'tables')).includes(holdName);
const reach = async () =>
  Promise.all(
    [addresses.public4, addresses.public6, addresses.gateway6, addresses.hostPublic6].map((host) =>
      sandbox.order({ do: 'connect', host, port }),
    ),
  );

describe('the table that outlasts a flush', () => {
  it('lets nothing in that the rules do not vouch for, and ends with its owner', async () => {
    expect(await reach()).toEqual(['open', 'open', 'open', 'open']);
    const end = new AbortController();
    const failures: string[] = [];
    const onFailure = (text: string) => void failures.push(text);
    const held = holdBridge({ clock: systemClock, signal: end.signal, namespace: world.host, onFailure });
    await until('the table', isHeld);
    expect(await reach()).toEqual(['shut', 'shut', 'shut', 'shut']);

    const firewall = await openOn(world);
    await firewall.converge(rulesFor('open', sandbox));
    expect(await reach()).toEqual(['open', 'open', 'shut', 'shut']);
    await firewall[Symbol.asyncDispose]();

    await inside(world.host, 'nft', 'flush', 'ruleset');
    expect(await isHeld()).toBe(true);
    expect(await reach()).toEqual(['shut', 'shut', 'shut', 'shut']);
    await expect(inside(world.host, 'nft', 'delete', 'table', 'bridge', holdName)).rejects.toThrow('not permitted');
    expect(failures).toEqual([]);

    end.abort();
    await held;
    expect(await isHeld()).toBe(false);
    expect(await reach()).toEqual(['open', 'open', 'open', 'open']);
  });

  it('waits for one that an earlier owner still has', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const failures: string[] = [];
    const call = { clock: systemClock, namespace: world.host };
    const one = holdBridge({ ...call, signal: first.signal, onFailure: () => undefined });
    await until('the table', isHeld);
    const two = holdBridge({ ...call, signal: second.signal, onFailure: (text) => void failures.push(text) });
    await until('a refusal', async () => failures.length > 0);
    expect(failures[0]).toMatch(/not permitted/);
    first.abort();
    await one;
    await until('the table of the other', isHeld);
    second.abort();
    await two;
  });

  it('is not made where nft breaks down on it', async () => {
    const version = await inside(world.host, 'nft', '--version');
    const old = /v(1\.0\.\d+)/.exec(version)?.[1];
    expect(await holdObstacle({})).toBe(old === undefined ? undefined : `nft ${old} is older than 1.1.0`);
  });
});
