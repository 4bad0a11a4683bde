import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openIncus, type Incus } from '../../../src/host/incus/client.ts';
import { openLab, type Lab } from '../../lab/lab.ts';

let lab: Lab;
let incus: Incus;

beforeAll(async () => {
  lab = await openLab({ name: 'incus-files' });
  incus = openIncus({ socketPath: lab.socket, clock: systemClock });
  const source = { type: 'image', alias: 'busybox' } as const;
  await incus.operations.finish(await incus.instances.create({ name: 'box', source, start: true }));
  await incus.operations.finish(await incus.instances.create({ name: 'still', source }));
}, 120_000);

afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
}, 60_000);

const owner = { uid: 1000, gid: 1001, mode: 0o640 };

describe.each(['box', 'still'])('Files in %s', (name) => {
  test('a file comes back as it was written: bytes, owner, mode', async () => {
    const content = randomBytes(2 ** 20);
    await incus.files.put(name, '/root/bytes', { ...owner, content });
    expect(await incus.files.get(name, '/root/bytes')).toEqual({ ...owner, kind: 'file', content });
    await incus.files.put(name, '/root/bytes', { uid: 0, gid: 0, mode: 0o600, content: 'short' });
    expect(await incus.files.get(name, '/root/bytes')).toMatchObject({ content: Buffer.from('short') });
  });

  test.each(['with space', 'ä&?#%2e+', '..hidden', 'quo\'te"', '[x]*', 'line\nbreak'])(
    'a name may be %j',
    async (odd) => {
      await incus.files.put(name, `/root/${odd}`, { ...owner, content: odd });
      expect(await incus.files.get(name, `/root/${odd}`)).toMatchObject({ kind: 'file', content: Buffer.from(odd) });
      expect(await incus.files.get(name, '/root')).toMatchObject({ names: expect.arrayContaining([odd]) });
      await incus.files.delete(name, `/root/${odd}`);
      await expect(incus.files.get(name, `/root/${odd}`)).rejects.toMatchObject({ class: 'gone' });
    },
  );

  test('directories are made, listed and deleted when empty', async () => {
    const ownership = { ...owner, mode: 0o750 };
    await incus.files.mkdir(name, '/root/dir', ownership);
    await incus.files.mkdir(name, '/root/dir', ownership);
    expect(await incus.files.get(name, '/root/dir')).toEqual({ ...ownership, kind: 'directory', names: [] });
    await incus.files.put(name, '/root/dir/x', { ...owner, content: '' });
    await expect(incus.files.delete(name, '/root/dir')).rejects.toMatchObject({ code: 'incus.not-empty' });
    await incus.files.delete(name, '/root/dir/x');
    await incus.files.delete(name, '/root/dir');
  });
});

test('Files.get() refuses a file that is larger than told', async () => {
  await incus.files.put('box', '/root/big', { ...owner, content: Buffer.alloc(10_001) });
  await expect(incus.files.get('box', '/root/big', { maxBytes: 10_000 })).rejects.toMatchObject({
    code: 'incus.too-large',
  });
});

test('Files.get() shows a link instead of following it', async () => {
  await incus.exec.run('box', ['ln', '-s', '/etc/passwd', '/root/link']);
  expect(await incus.files.get('box', '/root/link')).toMatchObject({ kind: 'symlink', target: '/etc/passwd' });
});
