import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listLocalAddresses } from '../../src/host/link/local-addresses.ts';
import type { Firewall } from '../../src/host/firewall/firewall.ts';
import { parseAddress, parsePrefix, prefixSize, renderAddress, type Prefix } from '../../src/network/address.ts';
import { renderDestination, type Destination } from '../../src/network/destination.ts';
import { judge, type Surroundings } from '../../src/network/judge.ts';
import { ledTo } from '../../src/network/led-to.ts';
import { knownResolvers } from '../../src/network/resolvers.ts';
import { renderRuleset } from '../../src/network/ruleset.ts';
import { metadataAddresses, privateRanges, specialRanges } from '../../src/network/special-ranges.ts';
import { timedElement } from '../../src/network/timed-elements.ts';
import { openOn, uids } from '../host/nft/guarded.ts';
import { addresses, bridge, inside, World, type TestSandbox } from '../host/nft/world.ts';
import { firstFrame, perlSender, type Sender } from './probe-frames.ts';
import { ruleVariants } from './rule-variants.ts';

let world: World;
let firewall: Firewall;
let sandbox: TestSandbox;
let sender: Sender;
let link: number;

/** Notes what came from the bridge before our rules looked at it, and what they let through. */
const probes = `table inet probe {
${[4, 6]
  .flatMap((family) => ['sent', 'passed'].map((name) => `${name}${family}`))
  .map(
    (name) => `	set ${name} { type ipv${name.at(-1)}_addr . inet_proto . inet_service; flags dynamic; size 65535; }
	set ${name}bare { type ipv${name.at(-1)}_addr . inet_proto; flags dynamic; size 65535; }`,
  )
  .join('\n')}
	chain before {
		type filter hook prerouting priority mangle - 5; policy accept;
		iifname "coibr0" ${notes('sent')}
	}
	chain after {
		type filter hook prerouting priority mangle + 5; policy accept;
		iifname "coibr0" meta mark & 0x20000000 != 0 ${notes('passed')}
	}
}`;

function notes(name: string): string {
  return `goto ${name}; }
	chain ${name} {
		meta l4proto { tcp, udp } update @${name}4 { ip daddr . meta l4proto . th dport }
		meta l4proto { tcp, udp } update @${name}6 { ip6 daddr . meta l4proto . th dport }
		meta l4proto { icmp, ipv6-icmp } update @${name}4bare { ip daddr . meta l4proto }
		meta l4proto { icmp, ipv6-icmp } update @${name}6bare { ip6 daddr . meta l4proto }`;
}

beforeAll(async () => {
  world = await World.make();
  sandbox = await world.sandbox(uids[0]);
  firewall = await openOn(world);
  await execa('nsenter', [`--net=/run/netns/${world.host}`, 'nft', '-f', '-'], { input: probes });
  const { mac, ipv4, ipv6 = '' } = sandbox.endpoint;
  const { address } = await linkOf(world.host, 'coibr0');
  sender = { mac, gateway: address, ipv4, ipv6 };
  link = (await linkOf(sandbox.namespace, 'eth0')).ifindex;
  // Replies to what was never asked by a socket would only cost time.
  await inside(sandbox.namespace, 'nft', 'add table inet quiet');
  await inside(sandbox.namespace, 'nft', 'add chain inet quiet in { type filter hook input priority 0; policy drop; }');
});
afterAll(async () => {
  await firewall?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

async function linkOf(namespace: string, name: string): Promise<{ address: string; ifindex: number }> {
  return (JSON.parse(await inside(namespace, 'ip', '-j', 'link', 'show', name)) as [never])[0];
}

const literals = [
  '203.0.113.0/28',
  '198.51.100.7:22',
  '198.51.100.64/28:5353/udp',
  '10.44.0.10',
  '10.45.0.0/30:22',
  '1.1.1.1',
  '2001:db8:5::/64',
  '[2001:db8:6::7]:22',
  'fd99:1::10',
  '[2620:fe::/48]:443',
];
const allowed = Object.fromEntries(literals.map((entry) => [entry, true as const]));

const variants = ruleVariants(allowed);

/** First and last address of a range, and those beside it. */
function edges(text: string): string[] {
  const prefix = parsePrefix(text)!;
  const last = prefix.value + prefixSize(prefix) - 1n;
  const limit = prefix.family === 4 ? 1n << 32n : 1n << 128n;
  return [prefix.value - 1n, prefix.value, (prefix.value + last) / 2n, last, last + 1n]
    .filter((value) => value >= 0n && value < limit)
    .map((value) => renderAddress({ family: prefix.family, value }));
}

/** Names led there; see the elements in the test. */
const named = { web4: '192.0.2.7', port4: '192.0.2.8', web6: '2001:db8:7::7', port6: '2001:db8:7::8' };

async function destinations(): Promise<Destination[]> {
  const ranges = [specialRanges, privateRanges, metadataAddresses, knownResolvers].flatMap((each) => [
    ...each[4],
    ...each[6],
  ]);
  const prefixOf = (text: string) => text.replace(/^\[/, '').replace(/(?:\])?:\d+(?:\/udp)?$/, '');
  const texts = [
    ...[
      ...ranges,
      ...literals.map((text) => (parsePrefix(text) ? text : prefixOf(text))),
      bridge.ipv4,
      bridge.ipv6!,
    ].flatMap(edges),
    ...Object.values(addresses),
    ...Object.values(named),
    '10.90.0.1',
    'fd42:90::1',
    '255.255.255.255',
    '8.8.8.8',
    '2001:db8::1',
  ];
  const local = (await listLocalAddresses({ namespace: world.host })).map((prefix: Prefix) => renderAddress(prefix));
  return [...new Set([...texts, ...local])]
    .map((text) => parseAddress(text)!)
    .flatMap((address) => [
      ...[22, 53, 67, 80, 443, 853, 5353].flatMap((port) => ['tcp', 'udp'].map((proto) => ({ address, proto, port }))),
      { address, proto: address.family === 4 ? 'icmp' : 'ipv6-icmp' },
    ]);
}

/** Elements of a probe's set, as `ADDRESS PROTOCOL [PORT]`. */
async function noted(name: string): Promise<Set<string>> {
  const lists = await Promise.all(
    [`${name}4`, `${name}6`, `${name}4bare`, `${name}6bare`].map(async (set) => {
      const { nftables } = JSON.parse(await inside(world.host, 'nft', '-j', 'list', 'set', 'inet', 'probe', set)) as {
        nftables: { set?: { elem?: { concat: unknown[] }[] } }[];
      };
      return nftables.flatMap(({ set: body }) => body?.elem ?? []).map(({ concat }) => concat.join(' '));
    }),
  );
  return new Set(lists.flat());
}

const keyOf = ({ address, proto, port }: Destination) =>
  [renderAddress(address), proto, ...(port === undefined ? [] : [port])].join(' ');

it.each(variants)('judges as the kernel does: $mode, local $localNetwork, metadata $metadata', async (rules) => {
  const { uid, endpoint } = sandbox;
  const led = [
    { from: endpoint.ipv4, to: named.web4, port: undefined },
    { from: endpoint.ipv4, to: named.port4, port: { proto: 'tcp', port: 22 } as const },
    { from: endpoint.ipv6!, to: named.web6, port: undefined },
    { from: endpoint.ipv6!, to: named.port6, port: { proto: 'udp', port: 5353 } as const },
  ].map((each) => timedElement({ uid, seconds: 600, ...each }));
  await firewall.converge(renderRuleset({ bridge, policies: [{ uid, endpoint, rules }] }));
  if (rules.mode === 'allowlist') await firewall.allow(led);
  for (const set of ['sent', 'passed'].flatMap((name) => [`${name}4`, `${name}6`, `${name}4bare`, `${name}6bare`])) {
    await inside(world.host, 'nft', 'flush', 'set', 'inet', 'probe', set);
  }
  await firewall.records.forget(await firewall.records.refused());

  const all = await destinations();
  const input = all.map((to, index) => `${firstFrame(sender, to, index)}\n`).join('');
  const argv = [`--net=/run/netns/${sandbox.namespace}`, 'perl', '-e', perlSender, String(link)];
  await execa('nsenter', argv, { input });

  const around: Surroundings = {
    bridge,
    host: await listLocalAddresses({ namespace: world.host }),
    isLedTo: ledTo(await firewall.records.timed(uid)),
  };
  const [sent, passed, refused] = [await noted('sent'), await noted('passed'), await firewall.records.refused()];
  const denied = new Set(
    refused.map(({ to, proto, port }) => [to, proto, ...(port === undefined ? [] : [port])].join(' ')),
  );

  // What the kernel drops before any rule has no say in this: it must be little, and judged as refused.
  const seen = all.filter((to) => sent.has(keyOf(to)));
  const unseen = all.filter((to) => !sent.has(keyOf(to)));
  expect(seen.length).toBeGreaterThan(2_500);
  expect(
    unseen.filter((to) => judge(rules, around, to).allowed && rules.mode !== 'open').map(renderDestination),
  ).toEqual([]);
  expect(unseen.length).toBeLessThan(200);

  const wrong = seen.flatMap((to) => {
    const { allowed: isAllowed, rule } = judge(rules, around, to);
    const was = [...(passed.has(keyOf(to)) ? ['passed'] : []), ...(denied.has(keyOf(to)) ? ['denied'] : [])].join('+');
    return was === (isAllowed ? 'passed' : 'denied')
      ? []
      : [`${renderDestination(to)}: ${rule}, but ${was || 'nothing'}`];
  });
  expect(wrong).toEqual([]);
  expect(seen.some((to) => passed.has(keyOf(to)))).toBe(true);
  expect(seen.some((to) => denied.has(keyOf(to)))).toBe(true);
});
