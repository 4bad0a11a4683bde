/** What names of instances begin with that wait for their deletion. */
export const tombstonePrefix = 'coi-del-';

/** Whether an instance waits for its deletion, by its name: the prefix and the uid of its sandbox, a ULID. */
export function isTombstoneName(name: string): boolean {
  return name.startsWith(tombstonePrefix) && /^[0-9a-z]{26}$/.test(name.slice(tombstonePrefix.length));
}
