import { ownerOf } from '../../network/firewalld-rules.ts';
import { marks } from '../../network/marks.ts';
import { ask, type Asking } from './ask.ts';
import type { ForeignChain } from './foreign-rules.ts';
import type { Iptables } from './iptables.ts';

/** A rule of somebody else that uses what coi keeps in marks. */
export interface MarkClash {
  readonly what: string;
  readonly rule: string;
}

/** Where to look. Rules that speak of another link than `bridge` are not about sandboxes. */
export interface MarkSearch {
  readonly iptables: readonly Iptables[];
  readonly chains: readonly ForeignChain[];
  readonly bridge: string;
}

const ours = marks.identity | marks.passed;
const wholeMark = 0xffff_ffff;
const uses = 'uses the bits';
const overwrites = 'overwrites the packet mark';
const connection = 'sets the connection mark';

/** Routing rules that ask for bits of coi's. See ip-rule(8). */
export async function readRoutingMarks(asking: Asking): Promise<MarkClash[]> {
  const finished = await ask(['ip', '-j', 'rule', 'show'], asking);
  const rules = JSON.parse(finished?.stdout || '[]') as { fwmark?: string; priority: number; table?: string }[];
  return rules
    .filter(({ fwmark }) => has(Number(fwmark ?? 0)))
    .map(({ fwmark, priority, table }) => ({
      what: uses,
      rule: `ip rule ${priority}: fwmark ${fwmark} lookup ${table}`,
    }));
}

/** Rules of iptables and nft in which coi's bits of the packet mark are used, or whole marks written. */
export function clashesIn({ iptables, chains, bridge }: MarkSearch): MarkClash[] {
  return [
    ...iptables.flatMap((each) => inIptables(each, bridge)),
    ...chains.flatMap((chain) => inChain(chain, bridge)),
  ];
}

function has(mark: number): boolean {
  return (mark & ours) !== 0;
}

/** Chains that only what the host itself sends goes through. */
const outgoing = new Set(['OUTPUT', 'POSTROUTING']);

function inIptables({ tables, program }: Iptables, bridge: string): MarkClash[] {
  return [...tables].flatMap(([, chains]) =>
    [...chains].flatMap(([chain, { rules }]) =>
      rules.flatMap(({ words, text }) => {
        const what = iptablesClash(words, bridge);
        if (what === undefined || (what !== uses && outgoing.has(chain))) return [];
        return [{ what, rule: `${program} ${text}` }];
      }),
    ),
  );
}

function iptablesClash(words: readonly string[], bridge: string): string | undefined {
  // With firewalld as backend, coi's own rules ask for its bits.
  if (ownerOf({ args: words }) !== undefined) return undefined;
  const valueOf = (flag: string) => {
    const at = words.indexOf(flag);
    return at === -1 ? undefined : words[at + 1];
  };
  const link = valueOf('-i') ?? valueOf('-o');
  if (link !== undefined && link !== bridge && !words.includes('!')) return undefined;
  const target = valueOf('-j') ?? '';
  const change = changes[target]?.(valueOf, words);
  if (change !== undefined) return change;
  const matched = Number((valueOf('--mark') ?? '0').split('/')[0]);
  // The rule that lets sandboxes through is the one use of the bits that is meant.
  return has(matched) && target !== 'ACCEPT' ? uses : undefined;
}

type Change = (valueOf: (flag: string) => string | undefined, words: readonly string[]) => string | undefined;

/** What targets do to marks. See iptables-extensions(8). */
const changes: Readonly<Record<string, Change>> = {
  MARK: (valueOf) => {
    const [value = 0, mask = wholeMark] = (valueOf('--set-xmark') ?? '').split('/').map(Number);
    if (has(value)) return uses;
    return has(mask) ? overwrites : undefined;
  },
  CONNMARK: (valueOf, words) => {
    if (!words.includes('--restore-mark')) return connection;
    return has(Number(valueOf('--nfmask') ?? wholeMark)) ? overwrites : undefined;
  },
};

type Json = Readonly<Record<string, unknown>>;

function inChain({ family, table, name, hook, rules }: ForeignChain, bridge: string): MarkClash[] {
  const place = `${family} ${table} ${name}`;
  return rules.flatMap((expressions) => {
    if (expressions.some((expression) => isAboutOthers(expression, bridge))) return [];
    return expressions.flatMap((expression) => {
      const what = expressionClash(expression);
      // The rule that lets sandboxes through is the one use of the bits that is meant.
      if (expression['match'] && expressions.some((each) => 'accept' in each)) return [];
      const isOutgoing = hook === 'output' || hook === 'postrouting';
      return what === undefined || (what !== uses && isOutgoing) ? [] : [{ what, rule: `nft ${place}` }];
    });
  });
}

/** Whether an expression holds the rule to another link. */
function isAboutOthers({ match }: Json, bridge: string): boolean {
  const { op, left, right } = (match ?? {}) as { op?: string; left?: { meta?: { key?: string } }; right?: unknown };
  const key = left?.meta?.key ?? '';
  return ['iifname', 'oifname', 'iif', 'oif'].includes(key) && op === '==' && right !== bridge;
}

function expressionClash({ mangle, match }: Json): string | undefined {
  if (mangle) return changeClash(mangle as { key: { meta?: Json; ct?: Json }; value: unknown });
  const { left, right } = (match ?? {}) as { left?: unknown; right?: unknown };
  const isOfMark = JSON.stringify(left ?? '').includes(packetMark);
  return isOfMark && numbersIn(right).some(has) ? uses : undefined;
}

const packetMark = '{"meta":{"key":"mark"}}';

function changeClash({ key, value }: { key: { meta?: Json; ct?: Json }; value: unknown }): string | undefined {
  if (key.ct?.['key'] === 'mark') return connection;
  if (key.meta?.['key'] !== 'mark') return undefined;
  if (numbersIn(value).some(has) && !isMasked(value)) return uses;
  return keepsOurs(value) ? undefined : overwrites;
}

/** `mark and MASK`: the number says what is kept. */
function isMasked(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '&' in value;
}

/** Whether our bits come through: the old mark with bits added, or masked by something that has them. */
function keepsOurs(value: unknown): boolean {
  const text = JSON.stringify(value);
  if (!text.includes(packetMark)) return false;
  return !isMasked(value) || numbersIn(value).some((mask) => (mask & ours) === ours);
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(numbersIn);
}
