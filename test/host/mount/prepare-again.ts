/*
 * Run inside a lab: makes trees of one workspace again and again while others change it, and prints as JSON what any of
 * them showed that is not of the workspace, and whether a tree could be made at all.
 */
import { readFile } from 'node:fs/promises';
import { systemClock } from '../../../src/base/clock.ts';
import { messageOf } from '../../../src/base/problem.ts';
import { parseMountTable } from '../../../src/host/mount/mount-table.ts';
import { WorkspaceTrees } from '../../../src/host/mount/workspace-trees.ts';

const [dir = '', workspace = '', times = '1', ...protectedPaths] = process.argv.slice(2);
const uid = '01JZZZZZZZZZZZZZZZZZZZZZZZ';
const trees = new WorkspaceTrees({ dir, clock: systemClock });
const { signal } = new AbortController();
const foreign: string[] = [];
const refusals: string[] = [];
let covered: readonly string[] = [];
for (let count = 0; count < Number(times); count += 1) {
  try {
    await trees.prepare({ uid, covered: { workspace, protectedPaths }, shown: [] }, signal);
    covered = trees.layers(uid).flatMap(({ path, readonly }) => (readonly ? [path] : []));
  } catch (error) {
    refusals.push(messageOf(error));
  }
  const table = parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
  const made = [...table.values()].filter(({ point }) => point.startsWith(`${dir}/${uid}/`));
  foreign.push(...made.filter(({ root }) => !root.includes(workspace)).map(({ root, point }) => `${root} at ${point}`));
  const stray = [...table.keys()].filter((point) => point.startsWith('/etc') || point.startsWith(workspace));
  foreign.push(...stray.map((point) => `something at ${point}`));
}
await trees.forget(uid, signal);
const left = parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
const leftovers = [...left.keys()].filter((point) => point.startsWith(`${dir}/`));
process.stdout.write(JSON.stringify({ foreign, refusals, covered, leftovers }));
