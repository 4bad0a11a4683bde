import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { SessionEnvironments } from '../../src/source/session-environment.ts';
import { sessionDirectory } from '../../src/source/session-store.ts';

const place = { uid: 1000, name: '0a1b2c3d-1' };
let stateDir: string;
let environments: SessionEnvironments;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'coi-environment-'));
  environments = new SessionEnvironments(stateDir);
});
afterEach(() => rm(stateDir, { recursive: true }));

const pathOf = (id: string) => join(sessionDirectory(stateDir, place.uid), `${place.name}.${id}.env`);

/** Everything that anybody could print of an error. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? '';
  return [error.message, error.stack, error.cause === undefined ? '' : textOf(error.cause)].join('\n');
}

describe('the environment of a session', () => {
  it('is read as it was kept, until it is dropped', async () => {
    const environment = { TOKEN: `a'b $HOME\n` };
    const id = await environments.keep(place, environment);
    expect(await environments.read(place, id)).toEqual(environment);
    await environments.drop(place, id);
    expect(await readdir(sessionDirectory(stateDir, place.uid))).toEqual([]);
    await environments.drop(place, id);
    await expect(environments.read(place, id)).rejects.toMatchObject({ code: 'session.environment' });
  });

  it.each(['{"TOKEN":"hunter2"', 'hunter2', '["hunter2"]', '{"TOKEN":{"hunter2":1}}', ''])(
    'says that %j is damaged, and nothing of what is in it',
    async (text) => {
      const id = await environments.keep(place, {});
      await writeFile(pathOf(id), text);
      const error: unknown = await environments.read(place, id).catch((each: unknown) => each);
      expect(error).toBeInstanceOf(Problem);
      expect(error).toMatchObject({ code: 'session.environment', message: expect.stringContaining('is damaged') });
      expect(textOf(error)).not.toContain('hunter2');
    },
  );

  it('says when it cannot be dropped', async () => {
    await mkdir(join(pathOf('x'), 'below'), { recursive: true });
    await expect(environments.drop(place, 'x')).rejects.toMatchObject({ code: 'session.unwritable' });
  });
});
