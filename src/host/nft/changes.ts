import type { Elements, Element, PlacedElement, SetId } from '../../network/elements.ts';
import type { ElementChange } from './batch.ts';

/** What callers asked for since the last batch. A later wish about the same uid wins over an earlier one. */
export interface Wishes {
  /** Wanted elements of each owner; an empty list wants the owner gone. */
  readonly byUid: ReadonlyMap<string, readonly PlacedElement[]>;
}

/** The change that fulfils wishes: elements of the owners that they do not want go, and what is missing comes. */
export function changeFor({ byUid }: Wishes, observed: Elements): ElementChange {
  const wanted = bySet([...byUid.values()].flat());
  const remove: PlacedElement[] = [];
  for (const [set, members] of observed) {
    const wishes = wanted.get(set);
    // Run for every element of a large host at each change, so it makes nothing anew for those that stay.
    for (const [key, element] of members) {
      const wish = wishes?.get(key);
      if (wish && wish.uid === element.uid && wish.value === element.value) wishes!.delete(key);
      else if (wish || (element.uid !== undefined && byUid.has(element.uid))) remove.push({ set, key, ...element });
    }
  }
  return { remove, add: [...wanted.values()].flatMap((wishes) => [...wishes.values()]) };
}

function bySet(elements: readonly PlacedElement[]): Map<SetId, Map<string, PlacedElement>> {
  const grouped = new Map<SetId, Map<string, PlacedElement>>();
  for (const element of elements) {
    const members = grouped.get(element.set);
    if (members) members.set(element.key, element);
    else grouped.set(element.set, new Map([[element.key, element]]));
  }
  return grouped;
}

/** Elements after a change. The given ones stay as they are, because others may be looking at them. */
export function withChange(elements: Elements, { add, remove }: ElementChange): Elements {
  const changed = new Map<SetId, Map<string, Element>>();
  const setFor = (id: SetId): Map<string, Element> => {
    const copy = changed.get(id) ?? new Map(elements.get(id));
    changed.set(id, copy);
    return copy;
  };
  for (const { set, key } of remove) setFor(set).delete(key);
  for (const { set, key, ...element } of add) setFor(set).set(key, element);
  return new Map([...elements, ...changed]);
}

/** Elements as a list, each with its place. */
export function listElements(elements: Elements): PlacedElement[] {
  return [...elements].flatMap(([set, members]) => [...members].map(([key, element]) => ({ set, key, ...element })));
}
