import { createHash } from 'node:crypto';
import { ownerOfLogChain } from '../../src/network/log-chains.ts';
import { isUncompared } from '../../src/network/timed-elements.ts';
import type { RawInstance } from './incus-raw.ts';
import type { NftObject } from './nft-shell.ts';

/** What can be seen of a lab at one moment. */
export interface Seen {
  readonly instances: readonly RawInstance[];
  readonly ruleset: readonly NftObject[];
  readonly links: readonly string[];
}

/** Name of a link that only coi gives. */
const portName = /^coi[0-9a-z]{12}$/;

/**
 * The part of the world that coi answers for, one line per thing, the same for every run that ends well: names without
 * the number of their plan, uids and addresses replaced by their owner's name, nothing volatile.
 */
export function worldLines({ instances, ruleset, links }: Seen): string[] {
  const owned = instances.filter(({ config }) => config['user.coi.uid'] !== undefined);
  const hide = hiderOf(owned);
  return [
    ...owned.map((instance) => `instance ${hide(instanceLine(instance))}`),
    ...elementLines(ruleset).map((line) => hide(line)),
    `skeleton ${skeletonHash(ruleset)}`,
    ...links.filter((name) => portName.test(name)).map((name) => `link ${hide(name)}`),
  ].sort();
}

/** Replaces what only one run has by who it belongs to. */
function hiderOf(owned: readonly RawInstance[]): (line: string) => string {
  const words = owned.flatMap(({ name, config, devices }): [string, string][] => {
    const owner = name.startsWith('coi-del-') ? `tombstone of ${config['user.coi.name']}` : config['user.coi.name']!;
    const nic = devices['eth0'] ?? {};
    const mac = nic['hwaddr'] ?? '';
    return [
      [config['user.coi.uid']!, `uid(${owner})`],
      [config['user.coi.uid']!.toLowerCase(), `uid(${owner})`],
      [nic['host_name'] ?? '', `port(${owner})`],
      [mac, `mac(${owner})`],
      [nic['ipv4.address'] ?? '', `ipv4(${owner})`],
      ...suffixes(mac).map((suffix): [string, string] => [suffix, `suffix(${owner})`]),
    ];
  });
  const known = words.filter(([word]) => word !== '');
  return (line) => {
    let hidden = line;
    for (const [word, name] of known) hidden = hidden.replaceAll(word, name);
    return hidden.replaceAll(/\bp\d+-/g, '');
  };
}

/** The last two groups of an EUI-64 address, as text and as the raw payload shows them. */
function suffixes(mac: string): string[] {
  const bytes = mac.split(':');
  if (bytes.length !== 6) return [];
  const group = (high: string, low: string) => Number.parseInt(high + low, 16).toString(16);
  return [
    `fe${bytes[3]}:${group(bytes[4]!, bytes[5]!)}`,
    `fffe${bytes.slice(3).join('')}`,
    String(Number.parseInt(bytes.slice(3).join(''), 16)),
  ];
}

function instanceLine({ name, status, config, devices, profiles, description, ephemeral }: RawInstance): string {
  const kept = Object.entries(config).filter(([key]) => !/^(volatile|image)\./.test(key) && !isRunsOwn(key));
  return JSON.stringify({
    name,
    status,
    config: Object.fromEntries(kept.sort(([a], [b]) => a.localeCompare(b))),
    devices,
    profiles,
    description,
    ephemeral,
  });
}

/** A rebuilt sandbox counts from one again; the hash covers its name, which every plan has its own of; every lab its source and time. */
function isRunsOwn(key: string): boolean {
  return ['uid', 'generation', 'hash', 'source', 'started', 'era'].some((name) => key === `user.coi.${name}`);
}

interface SetObject {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly elem?: readonly unknown[];
}

/** Sets and maps of our tables. */
export function ourSets(ruleset: readonly NftObject[]): SetObject[] {
  return ruleset
    .map((object) => (object['set'] ?? object['map']) as unknown as SetObject | undefined)
    .filter((set) => set?.table === 'coi')
    .map((set) => set!);
}

function elementLines(ruleset: readonly NftObject[]): string[] {
  const sets = ourSets(ruleset).filter(({ name }) => !isUncompared(name));
  return [
    ...sets.flatMap(({ family, name, elem = [] }) =>
      elem.map((each) => `element ${family} ${name} ${elementText(each)}`),
    ),
    ...ruleset.filter(isOfLogChain).map((object) => `log ${skeletonText(object)}`),
  ];
}

/** Each sandbox has chains that log for it. */
function isOfLogChain(object: NftObject): boolean {
  const { chain, rule } = object as Record<string, { table?: string; name?: string; chain?: string } | undefined>;
  const [name, table] = rule ? [rule.chain, rule.table] : [chain?.name, chain?.table];
  return table === 'coi' && name !== undefined && ownerOfLogChain(name) !== undefined;
}

/** Epochs are hashes of the uid and counters count: neither is the same twice. */
function elementText(element: unknown): string {
  return JSON.stringify(element, (key, value: unknown) => {
    if (key === 'counter') return undefined;
    return typeof value === 'number' && key !== 'len' ? '#' : value;
  }).replaceAll(/"0x[0-9a-f]{1,8}"/g, '"#"');
}

/** Chains, rules and sets of our tables without elements, handles and counts. */
function skeletonHash(ruleset: readonly NftObject[]): string {
  const own = ruleset.filter((object) => {
    if (isOfLogChain(object)) return false;
    const [body] = Object.values(object);
    return body?.['table'] === 'coi' || ('table' in object && body?.['name'] === 'coi');
  });
  if (own.length === 0) return 'missing';
  // Tables are listed in the order of their making, which a repair may change; inside of one, order is meaning.
  const byFamily = own.toSorted((a, b) => familyOf(a).localeCompare(familyOf(b)));
  return createHash('sha256').update(skeletonText(byFamily)).digest('hex').slice(0, 12);
}

function skeletonText(objects: unknown): string {
  return JSON.stringify(objects, (key, value: unknown) => {
    if (['handle', 'elem', 'packets', 'bytes'].includes(key)) return undefined;
    return value;
  });
}

function familyOf(object: NftObject): string {
  return String(Object.values(object)[0]?.['family']);
}

/** Differences for people: lines that are missing and lines that are too many. */
export function differenceOf(expected: readonly string[], actual: readonly string[]): string {
  const missing = without(expected, actual).map((line) => `- ${line}`);
  const extra = without(actual, expected).map((line) => `+ ${line}`);
  return [...missing, ...extra].join('\n');
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}
