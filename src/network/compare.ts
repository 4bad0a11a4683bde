import { setIds } from './elements.ts';
import type { Element, Elements, PlacedElement } from './elements.ts';

/**
 * Tables, chains with their rules, and set declarations by name (`chain inet coi judge`), each as canonical JSON without
 * what changes by itself: handles, counters, elements.
 */
export type SkeletonObjects = ReadonlyMap<string, string>;

/** What the kernel holds, or what it would hold after a load. */
export interface LoadedRuleset {
  readonly skeleton: SkeletonObjects;
  readonly elements: Elements;
}

/** What has to happen for the observed rules to become the expected ones. */
export interface RulesetDiff {
  /** Tables, chains or rules differ: only a full load puts that right. */
  readonly reload: boolean;
  readonly add: readonly PlacedElement[];
  readonly remove: readonly PlacedElement[];
  /** One line per difference, for people; elements are summed up by set. */
  readonly reasons: readonly string[];
}

/** Compares by meaning: what the kernel reorders or counts makes no difference. */
export function diffRuleset(expected: LoadedRuleset, observed: LoadedRuleset): RulesetDiff {
  const skeletonReasons = diffSkeleton(expected.skeleton, observed.skeleton);
  const { add, remove } = diffElements(expected.elements, observed.elements);
  return {
    reload: skeletonReasons.length > 0,
    add,
    remove,
    reasons: [...skeletonReasons, ...summary('missing', add), ...summary('unexpected', remove)],
  };
}

function diffSkeleton(expected: SkeletonObjects, observed: SkeletonObjects): string[] {
  if (observed.size === 0 && expected.size > 0) return ['the tables are missing'];
  const reasons: string[] = [];
  for (const [id, text] of expected) {
    const found = observed.get(id);
    if (found === undefined) reasons.push(`${id} is missing`);
    else if (found !== text) reasons.push(`${id} was changed`);
  }
  for (const id of observed.keys()) if (!expected.has(id)) reasons.push(`${id} was added by somebody else`);
  return reasons;
}

/** Elements to add and to remove; an element with another value or owner is in both. */
export function diffElements(
  expected: Elements,
  observed: Elements,
): { add: PlacedElement[]; remove: PlacedElement[] } {
  const add: PlacedElement[] = [];
  const remove: PlacedElement[] = [];
  for (const set of setIds) {
    const wanted = expected.get(set) ?? none;
    const found = observed.get(set) ?? none;
    if (wanted === found) continue;
    for (const [key, element] of wanted) {
      const other = found.get(key);
      if (other && isSame(element, other)) continue;
      add.push({ set, key, ...element });
      if (other) remove.push({ set, key, ...other });
    }
    for (const [key, element] of found) if (!wanted.has(key)) remove.push({ set, key, ...element });
  }
  return { add, remove };
}

const none: ReadonlyMap<string, Element> = new Map();

function isSame(a: Element, b: Element): boolean {
  return a.uid === b.uid && a.value === b.value;
}

function summary(word: string, elements: readonly PlacedElement[]): string[] {
  const counts = Map.groupBy(elements, ({ set }) => set);
  return [...counts].map(([set, { length }]) => `${length} ${word} in the set ${set}`);
}

/** How far something of ours is from what it should be. */
export type RuleState = 'current' | 'missing' | 'drifted';

/** The same comparison from each sandbox's point of view. */
export interface RulesetStates {
  /** Tables and chains; `missing` when none of them is there. */
  readonly base: RuleState;
  /** State of every uid that has expected elements. */
  readonly byUid: ReadonlyMap<string, RuleState>;
  /** Owners of elements that nobody expects; undefined for elements without owner. */
  readonly orphans: ReadonlySet<string | undefined>;
}

/** What to tell a planner: per sandbox and for the base, whether rules are there. */
export function rulesetStates(expected: LoadedRuleset, observed: LoadedRuleset): RulesetStates {
  const { add, remove, reload } = diffRuleset(expected, observed);
  const owners = ownersOf(expected.elements);
  const present = ownersOf(observed.elements);
  const touched = new Set([...add, ...remove].map(({ uid }) => uid));
  const byUid = new Map<string, RuleState>();
  for (const uid of owners) {
    if (uid !== undefined) byUid.set(uid, !touched.has(uid) ? 'current' : present.has(uid) ? 'drifted' : 'missing');
  }
  const base = !reload ? 'current' : observed.skeleton.size === 0 ? 'missing' : 'drifted';
  return { base, byUid, orphans: new Set(remove.map(({ uid }) => uid).filter((uid) => !owners.has(uid))) };
}

function ownersOf(elements: Elements): Set<string | undefined> {
  const owners = new Set<string | undefined>();
  for (const set of elements.values()) for (const { uid } of set.values()) owners.add(uid);
  return owners;
}
