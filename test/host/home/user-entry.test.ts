import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { userEntry } from '../../../src/host/home/user-entry.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-users-'));
  await writeFile(join(dir, 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A program that knows the users of a directory service. */
async function service(script: string) {
  const getent = join(dir, 'getent');
  await writeFile(getent, `#!/bin/sh\n${script}\n`);
  await chmod(getent, 0o755);
  return { file: join(dir, 'passwd'), getent };
}

it('knows users of the file, and those that only the name service knows', async () => {
  const sources = await service('[ "$1 $2" = "passwd 70001" ] && echo "ann:*:70001:70002:Ann:/home/ldap/ann:/bin/sh"');
  expect(await userEntry(0, sources)).toEqual({ gid: 0, home: '/root' });
  expect(await userEntry(70_001, sources)).toEqual({ gid: 70_002, home: '/home/ldap/ann' });
});

it('knows nobody whom neither knows, also where there is no such program', async () => {
  expect(await userEntry(70_003, await service('exit 2'))).toBeUndefined();
  expect(await userEntry(70_003, { file: join(dir, 'passwd'), getent: join(dir, 'none') })).toBeUndefined();
});

it('does not ask for whom the file knows', async () => {
  expect(await userEntry(0, await service(`touch ${dir}/asked`))).toBeDefined();
  await expect(rm(join(dir, 'asked'))).rejects.toMatchObject({ code: 'ENOENT' });
});
