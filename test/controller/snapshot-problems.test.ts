import { expect, it } from 'vitest';
import { listSnapshots } from '../../src/cli/list-snapshots.ts';
import { requireNewName } from '../../src/controller/snapshot-problems.ts';
import { temporaryNameFor } from '../../src/host/incus/temporary-names.ts';

it.each(['coi-fork-mine', 'coi-publish-mine', '..', ''])('%j is no name for a snapshot of a person', (name) => {
  expect(() => requireNewName(name)).toThrow(expect.objectContaining({ code: 'snapshot.name' }));
  expect(() => requireNewName('coi')).not.toThrow();
});

it('what is there for a moment is not among the snapshots that commands show and delete', async () => {
  const names = ['mine', 'coi-fork-mine', ...(['fork', 'publish'] as const).map((why) => temporaryNameFor(why, Date))];
  const list = async () =>
    names.map((name) => ({ name, createdAt: '', expiresAt: '', stateful: false, description: '' }));
  const shown = await listSnapshots({ snapshots: { list } } as never, 'coi-web', new AbortController().signal);
  expect(shown.map(({ name }) => name)).toEqual(['mine', 'coi-fork-mine']);
});
