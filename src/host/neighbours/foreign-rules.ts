import { Problem } from '../../base/problem.ts';
import { ask, isRefusal, onlyForRoot, type Asking } from './ask.ts';

type Json = Readonly<Record<string, unknown>>;

/** A chain that the kernel asks, of a table that is not coi's. */
export interface ForeignChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string | undefined;
  readonly policy: string | undefined;
  /** Expressions of each rule, as in libnftables-json(5). */
  readonly rules: readonly (readonly Json[])[];
}

/** Everybody else's tables. Those of iptables-nft are among them, with matches and targets that only iptables can read. */
export interface ForeignRules {
  readonly tables: readonly { readonly family: string; readonly name: string }[];
  readonly chains: readonly ForeignChain[];
}

/** Tables of ours. */
const own = new Set(['inet coi', 'bridge coi', 'inet coi_hold', 'bridge coi_hold']);

/**
 * Lists all tables but ours; ours would take longest.
 *
 * @throws Problem `health.not-root`, `health.unreadable`
 */
export async function readForeignRules(asking: Asking): Promise<ForeignRules> {
  const tables = (await list(asking, 'tables')).flatMap(({ table }) => (table ? [table as Json] : []));
  const foreign = tables
    .map(({ family, name }) => ({ family: String(family), name: String(name) }))
    .filter(({ family, name }) => !own.has(`${family} ${name}`));
  const listed = await Promise.all(foreign.map(({ family, name }) => list(asking, 'table', family, name)));
  return { tables: foreign, chains: chainsOf(listed.flat()) };
}

/** Chains with their rules, in what `nft -j list table` printed. */
export function chainsOf(objects: readonly Json[]): ForeignChain[] {
  const place = ({ family, table }: Json, chain: unknown) => `${String(family)} ${String(table)} ${String(chain)}`;
  const rules = Map.groupBy(
    objects.flatMap(({ rule }) => (rule ? [rule as Json] : [])),
    (rule) => place(rule, rule['chain']),
  );
  return objects.flatMap(({ chain }) => {
    if (!chain) return [];
    const { family, table, name, hook, policy } = chain as Record<string, string>;
    const inside = rules.get(place(chain as Json, name)) ?? [];
    const expressions = inside.map(({ expr }) => (Array.isArray(expr) ? (expr as Json[]) : []));
    return [{ family: family!, table: table!, name: name!, hook, policy, rules: expressions }];
  });
}

/** nft 1.0.6 now and then breaks down on rules that are changed under its hands; looking again is all it takes. */
const brokeDown = /corrupted|double free|invalid pointer|invalid size|^$/;
const tries = 3;

async function list(asking: Asking, ...what: readonly string[]): Promise<Json[]> {
  let finished = await ask(['nft', '-j', 'list', ...what], asking);
  for (let count = 1; count < tries && finished && finished.code !== 0; count += 1) {
    if (!brokeDown.test(finished.stderr)) break;
    finished = await ask(['nft', '-j', 'list', ...what], asking);
  }
  if (finished === undefined) {
    throw new Problem({
      code: 'host.program-missing',
      message: 'The program "nft" is not installed',
      hint: 'Install it: apt-get install nftables',
    });
  }
  if (finished.code === 0) return (JSON.parse(finished.stdout) as { nftables: Json[] }).nftables;
  if (isRefusal(finished)) throw onlyForRoot('nft');
  // A table that was removed between the two looks.
  if (/No such file or directory/.test(finished.stderr)) return [];
  throw new Problem({ code: 'health.unreadable', message: `nft failed: ${finished.stderr.split('\n')[0]}` });
}
