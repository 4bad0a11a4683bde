import { randomInt } from 'node:crypto';
import type { PlacedElement, SetId } from '../../network/elements.ts';
import { setIds } from '../../network/elements.ts';
import { isLogChainSet, logChain, logChainRules, type LogChainSet } from '../../network/log-chains.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import type { ObservedRuleset } from './listing.ts';

/** Text for `nft -f`, and the generation that holds once it is loaded. */
export interface Batch {
  readonly text: string;
  readonly generation: number;
  /** How many lines at its start fail when somebody else wrote since we looked. */
  readonly fenceLines: number;
}

/** What a batch that replaces tables has to know of them. */
export type TablesSeen = Pick<ObservedRuleset, 'generation' | 'tables'>;

/** A change of elements on top of loaded tables. */
export interface ElementChange {
  readonly add: readonly PlacedElement[];
  readonly remove: readonly PlacedElement[];
}

/** Drawn by lot, so that a writer who slept through a removal and a new load cannot meet its old number again. */
function newGeneration(): number {
  return randomInt(1, 0xffff_ffff);
}

/**
 * A batch that changes elements only. It is refused as a whole when the generation is no longer the one given, or when
 * an element is not as it was seen.
 */
export function renderChange({ add, remove }: ElementChange, current: number): Batch {
  const generation = newGeneration();
  const fence = [
    `delete element inet coi generation { ${current} }`,
    `add element inet coi generation { ${generation} }`,
  ];
  const idOf = ({ set, key }: PlacedElement) => `${set} ${key}`;
  const madeAnew = new Set(add.filter(({ set }) => isLogChainSet(set)).map(idOf));
  const gone = remove.filter((element) => !madeAnew.has(idOf(element)));
  const lines = [...fence, ...statements('delete', gone), ...statements('add', add)];
  return { text: `${lines.join('\n')}\n`, generation, fenceLines: lines.length };
}

/** All that tables are to hold. */
export interface Contents {
  readonly skeleton: string;
  readonly elements: readonly PlacedElement[];
  readonly timed: readonly TimedElement[];
}

/**
 * Statements that put elements in for a time from now, whether or not they are there already: `add` alone would leave
 * the time of those that are. Without a fence, because these sets have one writer and no generation.
 */
export function renderAllowed(elements: readonly TimedElement[]): string {
  return [...renderDisallowed(elements), ...timedStatements('add', elements), ''].join('\n');
}

/**
 * As {@link renderAllowed}, but refused as a whole when one that is taken for new is there: a batch that deletes nothing
 * is done several times as soon, because nft waits at its end until nobody in the kernel looks at what was deleted.
 */
export function renderAllowedQuickly(elements: readonly TimedElement[]): string {
  const { true: fresh = [], false: known = [] } = Object.groupBy(elements, ({ isNew }) => (isNew ? 'true' : 'false'));
  return [...timedStatements('create', fresh), renderAllowed(known)].join('\n');
}

/** Statements that take elements out, also those that are not there (any more). */
export function renderDisallowed(elements: readonly TimedElement[]): string[] {
  return [...timedStatements('add', elements), ...timedStatements('delete', elements)];
}

function timedStatements(verb: 'add' | 'create' | 'delete', elements: readonly TimedElement[]): string[] {
  return [...Map.groupBy(elements, ({ set }) => set)].map(([set, members]) => {
    const list = members.map(({ key, seconds, uid }) =>
      verb === 'delete' ? key : `${key} timeout ${seconds}s comment "${uid}"`,
    );
    return `${verb} element inet coi ${set} { ${list.join(', ')} }`;
  });
}

/**
 * A batch that replaces both tables in one transaction, whatever is in them. It is refused as a whole when they are no
 * longer the ones observed: by generation, else by the tables' handles, and by absence when there was no table.
 */
export function renderLoad({ skeleton, elements, timed }: Contents, observed: TablesSeen): Batch {
  const generation = newGeneration();
  const fence: string[] = [];
  if (observed.generation !== undefined) fence.push(`delete element inet coi generation { ${observed.generation} }`);
  for (const family of ['inet', 'bridge']) {
    const handle = observed.tables.get(family);
    if (handle === undefined) fence.push(`create table ${family} coi`);
    else fence.push(`delete table ${family} ${observed.generation === undefined ? `handle ${handle}` : 'coi'}`);
  }
  const lines = [
    ...fence,
    skeleton,
    `add element inet coi generation { ${generation} }`,
    ...statements('add', elements),
    ...timedStatements('add', timed),
  ];
  return { text: `${lines.join('\n')}\n`, generation, fenceLines: fence.length };
}

/**
 * A batch that writes the skeleton's rules anew and leaves the rest as it is: as quick with many sandboxes as with one.
 * Refused when the generation is not the one given, or when a chain or set exists in another form.
 */
export function renderRepair(skeleton: string, current: number): Batch {
  const generation = newGeneration();
  const lines = [
    `delete element inet coi generation { ${current} }`,
    `add element inet coi generation { ${generation} }`,
    // Once so that there is something to empty: only whole skeletons know how chains are made.
    ...skeleton.split('\n'),
    ...emptied(skeleton),
    ...skeleton.split('\n'),
  ];
  return { text: `${lines.join('\n')}\n`, generation, fenceLines: lines.length };
}

/** Not the tables as a whole: chains that belong to sandboxes keep their rules. */
function emptied(skeleton: string): string[] {
  let table = '';
  return skeleton.split('\n').flatMap((line) => {
    table = /^table (\w+ \w+) \{/.exec(line)?.[1] ?? table;
    const chain = /^\s*chain (\w+) \{/.exec(line)?.[1];
    return chain === undefined ? [] : [`flush chain ${table} ${chain}`];
  });
}

/** A batch that takes both tables away, refused as {@link renderLoad} is. */
export function renderRemoval(observed: TablesSeen): string {
  return [...observed.tables].map(([family, handle]) => `delete table ${family} handle ${handle}\n`).join('');
}

function statements(verb: 'add' | 'delete', elements: readonly PlacedElement[]): string[] {
  const bySet = Map.groupBy(elements, ({ set }) => set);
  // What refers to something else comes after it, and goes before it.
  const order = verb === 'add' ? setIds : setIds.toReversed();
  return order.flatMap((set) => {
    const members = bySet.get(set);
    if (!members) return [];
    if (isLogChainSet(set)) return members.flatMap(({ key, value }) => logStatements(verb, { set, uid: key, value }));
    const [family, name] = set.split(' ');
    const list = members.map((element) => (verb === 'add' ? renderElement(element) : renderKey(element)));
    return [`${verb} element ${family} coi ${name} { ${list.join(', ')} }`];
  });
}

/** A chain that is to be made anew is emptied only: what refers to it may stay. */
function logStatements(
  verb: 'add' | 'delete',
  { set, uid, value }: { readonly set: LogChainSet; readonly uid: string; readonly value: string | undefined },
): string[] {
  const chain = `inet coi ${logChain(set, uid)}`;
  if (verb === 'delete') return [`flush chain ${chain}`, `delete chain ${chain}`];
  const rules = logChainRules(set, uid, value ?? '').map((rule) => `add rule ${chain} ${rule}`);
  return [`add chain ${chain}`, `flush chain ${chain}`, ...rules];
}

function renderElement(element: PlacedElement): string {
  const comment = element.uid === undefined ? '' : ` comment "${element.uid}"`;
  return `${renderKey(element)}${comment}${element.value === undefined ? '' : ` : ${element.value}`}`;
}

/** Interface names are quoted: some are words of nft's language. */
function renderKey({ set, key }: { readonly set: SetId; readonly key: string }): string {
  if (!set.startsWith('bridge ')) return key;
  const [port, ...rest] = key.split(' . ');
  return [`"${port}"`, ...rest].join(' . ');
}
