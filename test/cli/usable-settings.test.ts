import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processIo } from '../../src/cli/io.ts';
import { readUsableSettings } from '../../src/cli/settings.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coi-usable-'));
});
afterEach(() => rm(directory, { recursive: true }));

function read(more: NodeJS.ProcessEnv = {}) {
  const io = { ...processIo(new AbortController().signal), cwd: directory };
  return readUsableSettings({ ...io, env: { COI_ETC: directory, HOME: directory, ...more } }, true);
}

describe('settings as far as they can be used', () => {
  it('are those of the files', async () => {
    await writeFile(join(directory, 'config.toml'), '[controller]\nbridge = "other0"\n');
    const { settings, files, problems } = await read();
    expect(settings.controller.bridge).toBe('other0');
    expect({ files, problems }).toEqual({ files: [join(directory, 'config.toml')], problems: [] });
  });

  it('leave out a file with problems, and say where they are', async () => {
    await writeFile(join(directory, 'config.toml'), '[controller]\nbridge = "other0"\nworkers = "many"\n');
    await writeFile(join(directory, 'mine.toml'), '[incus]\nstorage_pool = "fast"\n');
    const { settings, problems } = await read({ COI_CONFIG: 'mine.toml', COI_RUN_DIR: '/run/other' });
    expect(settings.controller).toMatchObject({ bridge: 'coibr0', runDir: '/run/other' });
    expect(settings.incus.storagePool).toBe('fast');
    expect(problems.map(({ position }) => position)).toEqual([
      expect.objectContaining({ file: join(directory, 'config.toml'), line: 3 }),
    ]);
  });

  it('are the built-in ones where files cannot be read', async () => {
    const { settings, problems, files } = await read({ COI_CONFIG: directory, COI_STATE_DIR: '/var/lib/other' });
    expect(settings.controller).toMatchObject({ bridge: 'coibr0', stateDir: '/var/lib/other' });
    expect(files).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(['cli.unreadable']);
  });

  it('do without a file that is not there, which is told', async () => {
    const { problems, warnings } = await read({ COI_CONFIG: 'gone.toml' });
    expect(problems).toEqual([]);
    expect(warnings.map(({ message }) => message)).toEqual([
      `COI_CONFIG names "${directory}/gone.toml", which is not there`,
    ]);
  });
});
