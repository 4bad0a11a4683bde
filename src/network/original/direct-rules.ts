import { parseAddress, renderAddress } from '../address.ts';

/** A direct rule as firewalld keeps it: its place in the order, and its words for iptables. See firewalld.direct(5). */
export interface DirectRule {
  readonly priority: number;
  readonly args: readonly string[];
}

/** What a rule does for one source address, as far as the original coi wrote such rules. */
export interface SourceRule {
  readonly source: string;
  /** Prefix as iptables takes it; undefined for everything. */
  readonly destination: string | undefined;
  readonly verdict: 'ACCEPT' | 'REJECT';
}

const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];
const blockedRanges = [...privateRanges, '169.254.0.0/16'];

/** By priority: what the original coi lets through or refuses there. Nothing else is its own. */
const shapes: Readonly<Record<number, (rule: SourceRule) => boolean>> = {
  0: ({ verdict, destination }) => verdict === 'ACCEPT' && (destination === undefined || isHost(destination)),
  1: ({ verdict, destination }) =>
    verdict === 'ACCEPT' && destination !== undefined && (privateRanges.includes(destination) || isHost(destination)),
  10: ({ verdict, destination }) => verdict === 'REJECT' && blockedRanges.includes(destination ?? ''),
  50: ({ verdict, destination }) => verdict === 'ACCEPT' && destination === undefined,
  99: ({ verdict, destination }) => verdict === 'REJECT' && destination === undefined,
};

/**
 * The container's address in a direct rule of `ipv4 filter FORWARD` that the original coi can have written: one source
 * address, at most one destination, a verdict, nothing else, and all of it as it belongs to the priority.
 */
export function sourceOfDirectRule({ priority, args }: DirectRule): string | undefined {
  const rule = readArgs(args);
  return rule && shapes[priority]?.(rule) ? rule.source : undefined;
}

/** The one rule of the original coi that is not about a container: replies pass, for everything on the host. */
export function isSharedRule({ priority, args }: DirectRule): boolean {
  return priority === -1 && args.join(' ') === '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
}

const longNames: Readonly<Record<string, string>> = { '--source': '-s', '--destination': '-d', '--jump': '-j' };

function readArgs(args: readonly string[]): SourceRule | undefined {
  const words = new Map<string, string>();
  for (let index = 0; index < args.length; index += 2) {
    const name = longNames[args[index]!] ?? args[index]!;
    const value = args[index + 1];
    if (!['-s', '-d', '-j'].includes(name) || value === undefined || words.has(name)) return undefined;
    words.set(name, value);
  }
  const source = hostOf(words.get('-s') ?? '');
  const verdict = words.get('-j');
  if (source === undefined || (verdict !== 'ACCEPT' && verdict !== 'REJECT')) return undefined;
  const destination = words.get('-d');
  return { source, verdict, destination: destination === '0.0.0.0/0' ? undefined : destination };
}

function isHost(text: string): boolean {
  return hostOf(text) !== undefined;
}

/** The one IPv4 address that a text stands for, with or without `/32`. */
function hostOf(text: string): string | undefined {
  const address = parseAddress(text.replace(/\/32$/, ''));
  return address?.family === 4 ? renderAddress(address) : undefined;
}
