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
  // As text: the list of tables is where older versions break down on others' flags.
  const foreign = [...(await run(asking, 'list', 'tables')).matchAll(/^table (\S+) (\S+)/gm)]
    .map(([, family = '', name = '']) => ({ family, name }))
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

/** How nft says on its way out that it broke down: see `hold.ts` for when it does. */
const brokeDown = /corrupted|double free|invalid (?:pointer|size)|^$/;

async function list(asking: Asking, ...what: readonly string[]): Promise<Json[]> {
  const text = await run(asking, '-j', 'list', ...what);
  return text === '' ? [] : (JSON.parse(text) as { nftables: Json[] }).nftables;
}

/** What nft prints; nothing for a table that was removed between two looks. */
async function run(asking: Asking, ...args: readonly string[]): Promise<string> {
  const finished = await ask(['nft', ...args], asking);
  if (finished === undefined) {
    throw new Problem({
      code: 'host.program-missing',
      message: 'The program "nft" is not installed',
      hint: 'Install it: apt-get install nftables',
    });
  }
  if (finished.code === 0) return finished.stdout;
  if (isRefusal(finished)) throw onlyForRoot('nft');
  if (/No such file or directory/.test(finished.stderr)) return '';
  if (brokeDown.test(finished.stderr)) {
    throw new Problem({
      code: 'health.nft-broke',
      message: `nft broke down on "nft ${args.join(' ')}"`,
      hint: 'Before 1.1.0 it does where a table has flags (owner, dormant): install a newer nftables.',
    });
  }
  throw new Problem({ code: 'health.unreadable', message: `nft failed: ${finished.stderr.split('\n')[0]}` });
}
