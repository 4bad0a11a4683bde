import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { Firewall } from '../../src/host/firewall/firewall.ts';
import { openFirewalld } from '../../src/host/firewalld/firewall.ts';
import { openFirewall } from '../../src/host/nft/firewall.ts';
import { FirewalldDaemon } from '../host/firewalld/daemon.ts';
import { addresses, bridge, inside } from '../host/nft/world.ts';
import { addBlockPolicies, openConformanceWorld, openOnes, rulesOf, waysIn } from './conformance-world.ts';
import type { ConformanceWorld } from './conformance-world.ts';
import { ledTo, policies, probes, type PolicyLetter } from './conformance.ts';

const letters = Object.keys(policies) as PolicyLetter[];
const always = ['host IPv4', 'host IPv6'];

/** The backends that can be tried in network namespaces; that of Incus needs containers and has a test of its own. */
const backends = ['nft', 'firewalld'] as const;

describe.each(backends)('with %s as backend', (backend) => {
  let stack: AsyncDisposableStack;
  let place: ConformanceWorld;
  let daemon: FirewalldDaemon | undefined;
  let firewall: Firewall;
  const table: Record<string, string[]> = {};

  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    place = stack.use(await openConformanceWorld());
    const { host } = place.world;
    if (backend === 'firewalld') daemon = stack.use(await FirewalldDaemon.start(`/run/netns/${host}`));
  });
  afterAll(() => stack.disposeAsync());

  const open = () => {
    const timed = () => ledTo(place.sandbox.uid, place.sandbox.endpoint);
    const init = { clock, signal: new AbortController().signal, namespace: place.world.host, onDrift: () => undefined };
    if (!daemon) return openFirewall({ ...init, timed });
    return openFirewalld({ ...init, timed, bridge, bus: daemon.bus });
  };
  const as = (letter: PolicyLetter) => rulesOf(place, policies[letter]);

  it('tries targets that all answer when nothing is in the way', async () => {
    await daemon?.down();
    const all = [...probes().map(({ name }) => name), 'a sibling (IPv4)', 'a sibling (IPv6)'];
    expect(await openOnes(place)).toEqual(all);
    expect(await waysIn(place)).toEqual([...always, 'outside IPv4', 'outside IPv6']);
    await daemon?.up();
    firewall = stack.use(await open());
    await addBlockPolicies(place);
  });

  it.each(letters)('policy %s lets through what the table says', async (letter) => {
    await firewall.converge(as(letter));
    const expected = probes().flatMap(({ name, row }) => (row.openIn.includes(letter) ? [name] : []));
    table[letter] = await openOnes(place);
    expect(table[letter]).toEqual(expected);
    expect(await waysIn(place)).toEqual(always);
  });

  it('has the rules of a new sandbox in force as soon as it says so', async () => {
    await firewall.remove([place.sandbox.uid]);
    expect(await openOnes(place)).toEqual([]);
    await firewall.ensure(as('L'));
    expect(await openOnes(place)).toEqual(table['L']);
  });

  it('cuts flows that a tighter policy no longer allows, and keeps the others', async () => {
    const { sandbox, outside } = place;
    await firewall.converge(as('O'));
    const targets = ['public4', 'public6', 'private4', 'private6'] as const;
    const flows = new Map<string, number>();
    for (const target of targets) {
      const order = { do: 'connect', host: addresses[target], port: 8080, keep: true } as const;
      flows.set(target, (await sandbox.order(order)) as number);
    }
    await firewall.ensure(as('R'));
    // Without a packet from the sandbox since the change, what the other side says must find its way in.
    const last = flows.get('private6')!;
    expect(await outside.order({ do: 'push', port: 8080 })).toBe(1);
    expect(await sandbox.order({ do: 'listen', connection: last })).toBe('shut');
    const after: unknown[] = [];
    for (const target of targets) after.push(await sandbox.order({ do: 'talk', connection: flows.get(target)! }));
    expect(after).toEqual(['open', 'open', 'shut', 'shut']);
    await firewall.ensure(as('N'));
    expect(await sandbox.order({ do: 'talk', connection: flows.get('public4')! })).toBe('shut');
  });

  it('keeps an allowed flow in which only the other side has something to say', async () => {
    const { sandbox, outside } = place;
    await firewall.converge(as('O'));
    const order = { do: 'connect', host: addresses.public4, port: 8080, keep: true } as const;
    const connection = (await sandbox.order(order)) as number;
    await firewall.converge(as('R'));
    expect(await outside.order({ do: 'push', port: 8080 })).toBe(1);
    expect(await sandbox.order({ do: 'listen', connection })).toBe('open');
  });

  it('counts what it refuses', async () => {
    await firewall.converge(as('R'));
    const before = (await firewall.records.packets()).get(place.sandbox.uid) ?? 0;
    await place.sandbox.order({ do: 'connect', host: addresses.private4, port: 8080 });
    expect((await firewall.records.packets()).get(place.sandbox.uid)).toBeGreaterThan(before);
  });

  it('remembers nothing of a sandbox that was removed', async () => {
    await firewall.converge(as('A'));
    expect(await everything()).toContain(place.sandbox.uid);
    await firewall.remove([place.sandbox.uid]);
    const left = await everything();
    expect(left).toContain(place.sibling.uid);
    // Addresses that names led to run out by themselves and open nothing without an owner.
    expect(left.replaceAll(/timeout [^\n]*/g, '')).not.toContain(place.sandbox.uid);
    expect(await openOnes(place)).toEqual([]);
  });

  it('leaves nothing of its own and everything of others when it goes', async () => {
    await foreign('add');
    const before = await rulesOfOthers();
    await firewall.converge(as('R'));
    expect(await rulesOfOthers()).toEqual(before);
    await firewall.uninstall();
    expect(await rulesOfOthers()).toEqual(before);
    expect(await everything()).not.toMatch(/(?:inet|bridge) coi\b|coi_|(?<!not-)coi:/);
    // Only the bridge itself is still there, on which neighbours are neighbours; the second layer holds the rest.
    expect(await openOnes(place)).toEqual(['a sibling (IPv4)', 'a sibling (IPv6)']);
    await foreign('delete');
    await firewall.converge(as('R'));
    expect(await openOnes(place)).toEqual(table['R']);
  });

  const onHost = (...command: string[]) => inside(place.world.host, ...command);

  /** All rules there are, as the kernel and firewalld tell them. */
  async function everything(): Promise<string> {
    const kernel = await onHost('nft', 'list', 'ruleset');
    const mangle = await Promise.all(['iptables-save', 'ip6tables-save'].map((program) => onHost(program)));
    const direct = daemon
      ? [await daemon.cmd('--direct', '--get-all-rules'), await daemon.cmd('--direct', '--get-all-chains')]
      : [];
    return [kernel, ...mangle, ...direct].join('\n');
  }

  /** Rules that look like ours to whoever only compares texts. */
  async function foreign(verb: 'add' | 'delete'): Promise<void> {
    const { uid, endpoint } = place.sandbox;
    const comment = ['-m', 'comment', '--comment', `not-coi:${uid}`];
    const rule = ['ipv4', 'mangle', 'PREROUTING', '5', '-s', `${endpoint.ipv4}/32`, ...comment, '-j', 'RETURN'];
    if (daemon) await daemon.cmd('--direct', verb === 'add' ? '--add-rule' : '--remove-rule', ...rule);
    await onHost('nft', verb === 'add' ? 'add table inet coiled { comment "coi" ; }' : 'delete table inet coiled');
  }

  async function rulesOfOthers(): Promise<unknown> {
    const tables = await onHost('nft', 'list', 'table', 'inet', 'coiled');
    const direct = (await daemon?.cmd('--direct', '--get-all-rules'))?.split('\n') ?? [];
    return { tables, direct: direct.filter((line) => !/--comment coi:/.test(line)) };
  }
});
