import { Problem } from '../../base/problem.ts';
import type { LoadedRuleset } from '../../network/compare.ts';
import { isSetId, setIds } from '../../network/elements.ts';
import type { Element, SetId } from '../../network/elements.ts';
import { ownerOfLogChain, valueOfRules } from '../../network/log-chains.ts';
import type { LogChainSet } from '../../network/log-chains.ts';
import { isUncompared } from '../../network/timed-elements.ts';

/** Rules as they were found, with what is needed to replace them safely. */
export interface ObservedRuleset extends LoadedRuleset {
  /** Value of the generation element; undefined when the table or the element is missing. */
  readonly generation: number | undefined;
  /** Families whose table exists, with the table's handle. */
  readonly tables: ReadonlyMap<string, number>;
}

interface Builder {
  readonly skeleton: Map<string, string>;
  readonly rules: Map<string, string[]>;
  /** Chains of sandboxes' own, by name, with the text of their rules. */
  readonly logChains: Map<string, LogChain>;
  readonly elements: Map<SetId, Map<string, Element>>;
  readonly tables: Map<string, number>;
  generation: number | undefined;
}

interface LogChain {
  readonly set: LogChainSet;
  readonly uid: string;
  readonly rules: string[];
}

type Json = Record<string, unknown>;

/**
 * Reads what `nft -j list table` printed, one text per table of ours.
 * An element that our tables can hold only by somebody else's hand shows up as a skeleton object of its own.
 * @see libnftables-json(5)
 *
 * @throws Problem `nft.output` when a text is not such output
 */
export function parseListing(texts: readonly string[]): ObservedRuleset {
  const builder: Builder = {
    skeleton: new Map(),
    rules: new Map(),
    logChains: new Map(),
    elements: new Map(setIds.map((id) => [id, new Map()])),
    tables: new Map(),
    generation: undefined,
  };
  for (const object of texts.flatMap(parseObjects)) addObject(builder, object);
  for (const { set, uid, rules } of builder.logChains.values()) {
    builder.elements.get(set)!.set(uid, { uid, value: valueOfRules(set, uid, rules) });
  }
  for (const [chain, rules] of builder.rules) {
    builder.skeleton.set(chain, `${builder.skeleton.get(chain) ?? ''}\n${rules.join('\n')}`);
  }
  const { skeleton, elements, tables, generation } = builder;
  return { skeleton, elements, tables, generation };
}

function parseObjects(text: string): Json[] {
  try {
    const { nftables } = JSON.parse(text) as { nftables: Json[] };
    if (Array.isArray(nftables)) return nftables;
  } catch {
    // Told below, in the same words as JSON of another shape.
  }
  throw new Problem({
    code: 'nft.output',
    message: `nft printed something that is not its JSON listing: ${text.slice(0, 80)}`,
    hint: 'Install nftables 1.0.6 or newer.',
  });
}

function addObject(builder: Builder, object: Json): void {
  const [kind, body] = Object.entries(object)[0] as [string, Json];
  const place = `${String(body.family)} ${String(body.table ?? body.name)}`;
  if (kind === 'metainfo') return;
  if (kind === 'table') builder.tables.set(String(body.family), Number(body.handle));
  if (kind === 'rule') {
    const chain = `chain ${place} ${String(body.chain)}`;
    const own = logChainAt(builder, place, String(body.chain));
    if (own) return void own.rules.push(textOf(body.expr));
    const rules = builder.rules.get(chain);
    const text = canonical(without(body, ['family', 'table', 'chain', 'handle']));
    if (rules) rules.push(text);
    else builder.rules.set(chain, [text]);
    return;
  }
  if (kind === 'chain' && logChainAt(builder, place, String(body.name))) return;
  const id = kind === 'table' ? `table ${place}` : `${kind} ${place} ${String(body.name)}`;
  builder.skeleton.set(id, canonical(without(body, ['handle', 'elem'])));
  if (Array.isArray(body.elem)) addElements(builder, body, body.elem);
}

/** A chain of some sandbox's own, remembered; undefined for every other chain. */
function logChainAt({ logChains }: Builder, place: string, name: string): LogChain | undefined {
  const owner = place === 'inet coi' ? ownerOfLogChain(name) : undefined;
  if (!owner) return undefined;
  const known = logChains.get(name) ?? { ...owner, rules: [] };
  logChains.set(name, known);
  return known;
}

interface LogStatement {
  readonly limit?: { readonly rate?: number; readonly burst?: number; readonly per?: string; readonly inv?: boolean };
  readonly log?: { readonly prefix?: string; readonly level?: string };
  readonly goto?: { readonly target?: string };
}

/** A rule of such a chain as nft takes it; something else for every other rule. */
function textOf(expr: unknown): string {
  return Array.isArray(expr) ? (expr as LogStatement[]).map(statementText).join(' ') : '';
}

function statementText(statement: LogStatement): string {
  const { limit, log, goto } = statement;
  if (limit) return `limit rate ${limit.inv ? 'over ' : ''}${limit.rate}/${limit.per} burst ${limit.burst} packets`;
  if (log) return `log prefix "${log.prefix}"${log.level === undefined ? '' : ` level ${log.level}`}`;
  return goto ? `goto ${goto.target}` : JSON.stringify(statement);
}

function addElements(builder: Builder, set: Json, list: readonly unknown[]): void {
  const { family } = set;
  const id = `${String(family)} ${String(set.name)}`;
  if (id === 'inet generation' && list.length === 1 && typeof list[0] === 'number') {
    builder.generation = list[0];
    return;
  }
  if (family === 'inet' && isUncompared(String(set.name))) return;
  for (const entry of list) {
    const read = readElement(entry);
    if (read && isSetId(id)) builder.elements.get(id)!.set(read.key, read.element);
    else builder.skeleton.set(`element ${id} ${JSON.stringify(entry)}`, '');
  }
}

/** Signs that may stand in an element's key or owner; what has others is not ours and cannot be named to nft safely. */
const safe = /^[0-9A-Za-z_:./ -]+$/;

interface ReadElement {
  readonly key: string;
  readonly element: Element;
  readonly packets: number;
  /** Seconds left; undefined on an element that stays. */
  readonly expires: number | undefined;
}

/** What a key's wrapping holds when the element has more than a key. */
interface Wrapping {
  readonly val: unknown;
  readonly comment?: unknown;
  readonly counter?: { readonly packets?: number } | null;
  readonly expires?: number;
}

function readElement(entry: unknown): ReadElement | undefined {
  if (!Array.isArray(entry)) return readKey(entry);
  const read = readKey(entry[0]);
  const value = valueOf(entry[1]);
  if (!read || value === undefined || !safe.test(value)) return undefined;
  return { ...read, element: { ...read.element, value } };
}

function readKey(entry: unknown): ReadElement | undefined {
  const wrapping = (entry as { elem?: Wrapping } | null)?.elem;
  const key = keyOf(wrapping ? wrapping.val : entry);
  const uid = typeof wrapping?.comment === 'string' ? wrapping.comment : undefined;
  if (key === undefined || !safe.test(key) || (uid !== undefined && !safe.test(uid))) return undefined;
  return { key, element: { uid }, packets: packetsOf(wrapping), expires: wrapping?.expires };
}

function packetsOf(wrapping: Wrapping | undefined): number {
  return wrapping?.counter?.packets ?? 0;
}

function keyOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  const prefix = (value as { prefix?: { addr: string; len: number } } | null)?.prefix;
  if (prefix) return `${prefix.addr}/${prefix.len}`;
  const parts = (value as { concat?: unknown[] } | null)?.concat?.map(keyOf);
  return parts?.every((part) => part !== undefined) ? parts.join(' . ') : undefined;
}

function valueOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  const verdict = value as Partial<Record<'goto' | 'jump', { target?: unknown }>> | null;
  for (const kind of ['goto', 'jump'] as const) {
    const target = verdict?.[kind]?.target;
    if (typeof target === 'string') return `${kind} ${target}`;
  }
  return undefined;
}

/** One element of a set that is listed on its own. */
export interface Member {
  readonly key: string;
  readonly uid: string | undefined;
  readonly packets: number;
  /** Seconds until it runs out; undefined when it does not. */
  readonly expires: number | undefined;
}

/** The elements of a listed set. */
export function parseMembers(text: string): Member[] {
  const sets = parseObjects(text) as { set?: { elem?: unknown[] } }[];
  return sets.flatMap(({ set }) =>
    (set?.elem ?? []).flatMap((entry) => {
      const read = readElement(entry);
      return read ? [{ key: read.key, uid: read.element.uid, packets: read.packets, expires: read.expires }] : [];
    }),
  );
}

function without(body: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(body).filter(([key]) => !keys.includes(key)));
}

/** JSON in which counts are left out and members of anonymous sets are sorted, because the kernel changes both. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key: string, inner: unknown) => {
    if (key === 'counter') return null;
    if (key === 'set' && Array.isArray(inner)) return inner.map((member) => JSON.stringify(member)).toSorted();
    return inner;
  });
}
