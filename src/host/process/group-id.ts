import { readFile } from 'node:fs/promises';

/** Numeric id of a group by group(5); undefined when there is none of that name. */
export async function groupId(name: string, groups = '/etc/group'): Promise<number | undefined> {
  const lines = (await readFile(groups, 'utf8')).split('\n').map((line) => line.split(':'));
  const id = lines.find(([group]) => group === name)?.[2];
  return id === undefined ? undefined : Number(id);
}
