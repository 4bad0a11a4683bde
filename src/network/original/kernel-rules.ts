import { isIPv4 } from 'node:net';
import type { SourceRule } from './direct-rules.ts';

/** A rule of the kernel's `ip filter FORWARD` that the original coi can have caused, by its handle. */
export type KernelRule = { readonly handle: number; readonly source: string } & (
  | { readonly kind: 'log'; readonly prefix: string }
  | { readonly kind: 'filter'; readonly rule: SourceRule }
);

interface Match {
  readonly op: string;
  readonly left: { readonly payload?: { readonly protocol: string; readonly field: string } };
  readonly right: unknown;
}

/** One expression of a rule. See libnftables-json(5). */
interface Expression {
  readonly match?: Match;
  readonly log?: { readonly prefix?: unknown };
  readonly xt?: { readonly type: string; readonly name: string };
  readonly limit?: { readonly rate?: unknown; readonly per?: unknown };
  readonly counter?: unknown;
  readonly accept?: null;
}

/** Reads what `nft -j list chain ip filter FORWARD` printed; rules that the original coi cannot have caused are left out. */
export function parseKernelRules(text: string): KernelRule[] {
  const { nftables } = JSON.parse(text) as { nftables: { rule?: { handle: number; expr?: Expression[] } }[] };
  return nftables.flatMap(({ rule }) => {
    const expressions = rule?.expr ?? [];
    const read = readLog(expressions) ?? readFilter(expressions);
    return rule && read ? [{ handle: rule.handle, ...read }] : [];
  });
}

type Read<Kind> = Omit<Extract<KernelRule, { kind: Kind }>, 'handle'>;

/** What else a log rule says, by the word of its prefix. */
const logShapes: Readonly<Record<string, (condition: Expression) => boolean>> = {
  NFT_COI: ({ limit }) => limit?.rate === 100 && limit.per === 'second',
  NFT_DNS: ({ match }) => match?.op === '==' && fieldOf(match) === 'udp dport' && match.right === 53,
  NFT_SUSPICIOUS: ({ match }) =>
    match?.op === '==' && ['ip daddr', 'tcp dport'].includes(fieldOf(match)) && isSet(match.right),
};

/** A source address, one more condition, a prefix with the same address, a counter; no verdict. */
function readLog([from, condition, log, counter, ...more]: readonly Expression[]): Read<'log'> | undefined {
  if (!from || !condition || more.length > 0 || (counter && !('counter' in counter))) return undefined;
  const prefix = readPrefix(log);
  if (!prefix || prefix.address !== sourceOf(from) || !logShapes[prefix.word]?.(condition)) return undefined;
  return { kind: 'log', source: prefix.address, prefix: prefix.text };
}

function readPrefix(expression: Expression | undefined) {
  const text = expression?.log?.prefix;
  const parts = typeof text === 'string' ? /^(NFT_[A-Z]+)\[([\d.]+)\]: $/.exec(text) : null;
  return parts && { text: parts[0], word: parts[1]!, address: parts[2]! };
}

/** A source address, at most one destination, a counter, and a verdict as iptables writes it. */
function readFilter(expressions: readonly Expression[]): Read<'filter'> | undefined {
  const [first, ...rest] = expressions;
  const source = first && sourceOf(first);
  const verdict = verdictOf(rest.at(-1));
  const counter = rest.at(-2);
  const between = rest.slice(0, -2);
  if (source === undefined || !verdict || !counter || !('counter' in counter) || between.length > 1) return undefined;
  const [match] = between;
  const destination = match && destinationOf(match);
  if (match && destination === undefined) return undefined;
  return { kind: 'filter', source, rule: { source, destination, verdict } };
}

function sourceOf({ match }: Expression): string | undefined {
  if (match?.op !== '==' || fieldOf(match) !== 'ip saddr' || typeof match.right !== 'string') return undefined;
  return isIPv4(match.right) ? match.right : undefined;
}

function destinationOf({ match }: Expression): string | undefined {
  if (match?.op !== '==' || fieldOf(match) !== 'ip daddr') return undefined;
  if (typeof match.right === 'string') return isIPv4(match.right) ? `${match.right}/32` : undefined;
  const prefix = (match.right as { prefix?: { addr: string; len: number } } | null)?.prefix;
  return prefix && `${prefix.addr}/${prefix.len}`;
}

function verdictOf(expression: Expression | undefined): SourceRule['verdict'] | undefined {
  if (expression && 'accept' in expression) return 'ACCEPT';
  return expression?.xt?.type === 'target' && expression.xt.name === 'REJECT' ? 'REJECT' : undefined;
}

function fieldOf({ left }: Match): string {
  return left.payload ? `${left.payload.protocol} ${left.payload.field}` : '';
}

function isSet(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'set' in value;
}
