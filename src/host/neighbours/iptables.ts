import { Problem } from '../../base/problem.ts';
import type { Family } from '../../network/address.ts';
import { ask, isRefusal, onlyForRoot, type Asking } from './ask.ts';
import { parseIptables, type IptablesTables } from './iptables-rules.ts';

/** What one of the iptables programs holds. The kernel asks the rules of all of them. */
export interface Iptables {
  /** Program that changes these rules. */
  readonly program: string;
  readonly family: Family;
  readonly tables: IptablesTables;
}

interface Variant {
  readonly save: string;
  readonly program: string;
  readonly family: Family;
}

const variants: readonly Variant[] = [
  { save: 'iptables-nft-save', program: 'iptables-nft', family: 4 },
  { save: 'ip6tables-nft-save', program: 'ip6tables-nft', family: 6 },
  { save: 'iptables-legacy-save', program: 'iptables-legacy', family: 4 },
  { save: 'ip6tables-legacy-save', program: 'ip6tables-legacy', family: 6 },
];

/**
 * The rules of every iptables program that is installed. The `-save` programs list, and unlike `iptables -S` do not make
 * the tables that they list. See iptables-save(8).
 *
 * @throws Problem `health.not-root`, `health.unreadable`
 */
export async function readIptables(asking: Asking): Promise<readonly Iptables[]> {
  const read = await Promise.all(variants.map((variant) => readVariant(variant, asking)));
  return read.flatMap((each) => each ?? []);
}

async function readVariant({ save, ...variant }: Variant, asking: Asking): Promise<Iptables | undefined> {
  const finished = await ask([save], asking);
  if (finished === undefined) return undefined;
  if (finished.code === 0) return { ...variant, tables: parseIptables(finished.stdout) };
  if (isRefusal(finished)) throw onlyForRoot(save);
  // A kernel without that kind of tables has no rules in them.
  if (/do you need to insmod|does not exist|not supported|incompatible/i.test(finished.stderr)) return undefined;
  throw new Problem({
    code: 'health.unreadable',
    message: `${save} failed: ${finished.stderr.split('\n')[0]?.trim()}`,
    hint: `Run it by hand to see why: ${save}`,
  });
}
