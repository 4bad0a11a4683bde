import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireLock } from '../../src/state/controller-lock.ts';

let dir = '';
let path = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coi-lock-'));
  path = join(dir, 'run', 'controller.lock');
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Another process that holds the lock until it is killed. */
async function otherHolder() {
  const code = `
    const { acquireLock } = await import(process.argv[1]);
    globalThis.lock = await acquireLock(process.argv[2]);
    console.log('locked');
    setInterval(() => {}, 1000);
  `;
  const module = resolve('src/state/controller-lock.ts');
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code, module, path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  await once(child.stdout, 'data');
  return {
    pid: child.pid,
    said: () => said,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('acquireLock()', () => {
  test('names the process that holds it, and is free as soon as that is killed', async () => {
    const other = await otherHolder();
    try {
      await expect(acquireLock(path)).rejects.toMatchObject({
        code: 'controller.already-running',
        message: `Cannot reconcile: process ${other.pid} already does on this host (${path} is locked)`,
      });
      expect(other.said()).toBe('');
    } finally {
      await other.kill();
    }
    await using lock = await acquireLock(path);
    expect(lock.isHeld()).toBe(true);
  });

  test('keeps others of the same process out, also after they tried', async () => {
    await using lock = await acquireLock(path);
    await expect(acquireLock(path)).rejects.toMatchObject({ code: 'controller.already-running' });
    const other = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `const { acquireLock } = await import(process.argv[1]); await acquireLock(process.argv[2]);`,
      resolve('src/state/controller-lock.ts'),
      path,
    ]);
    const [code] = (await once(other, 'exit')) as [number];
    expect(code).toBe(1);
    expect(lock.isHeld()).toBe(true);
  });

  test('can be taken again after it was given back', async () => {
    await (await acquireLock(path))[Symbol.asyncDispose]();
    await using lock = await acquireLock(path);
    expect(lock.isHeld()).toBe(true);
  });

  test('makes a file that nobody else may open, and refuses one that others may', async () => {
    await (await acquireLock(path))[Symbol.asyncDispose]();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o644);
    await expect(acquireLock(path)).rejects.toMatchObject({ code: 'controller.lock-unsafe' });
  });

  test('knows when its file is no longer the one that others would lock', async () => {
    await using lock = await acquireLock(path);
    renameSync(path, `${path}.moved`);
    expect(lock.isHeld()).toBe(false);
  });

  test('says what is wrong with a place where there can be no lock', async () => {
    writeFileSync(join(dir, 'run'), '');
    await expect(acquireLock(path)).rejects.toMatchObject({ code: 'controller.lock' });
  });
});
