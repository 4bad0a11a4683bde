import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Sftp } from '../../../src/host/incus/sftp/sftp.ts';
import { SftpError } from '../../../src/host/incus/sftp/sftp-error.ts';
import { GuestLanding } from '../../../src/host/tree/guest-landing.ts';
import { FileSend } from '../../../src/host/tree/send-file.ts';

let dir: string;
let fd: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coi-send-'));
  writeFileSync(join(dir, 'file'), 'content');
  fd = openSync(join(dir, 'file'), 'r');
});
afterEach(() => {
  closeSync(fd);
  rmSync(dir, { recursive: true });
});

test('nothing is left inside of a file whose end could not be written', async () => {
  const inside = new Set<string>();
  const sftp = {
    look: async () => undefined,
    create: async (path: Buffer) => inside.add(path.toString()),
    setOpen: async () => undefined,
    write: async () => undefined,
    close: () => Promise.reject(new SftpError(4, 'no space left on device')),
    remove: async (path: Buffer) => inside.delete(path.toString()),
  } as unknown as Sftp;
  const sender = new FileSend(new GuestLanding({ sftp, owner: { uid: 0, gid: 0 } }), { sftp });
  const place = { path: Buffer.from('/root/file'), isNew: false };
  await expect(sender.send(fd, fstatSync(fd), place)).rejects.toThrow('no space left');
  expect([...inside]).toEqual([]);
});
