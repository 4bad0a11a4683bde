import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lookAtAws, type AwsLook } from '../../../src/host/aws/look-at-aws.ts';

const owner = { uid: 4321, gid: 4322 };
let place: string;
let home: string;
let programs: string;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'coi-aws-'));
  await chmod(place, 0o755);
  [home, programs] = [join(place, 'home'), join(place, 'bin')];
  for (const path of [home, programs]) await mkdir(path);
  await chown(home, owner.uid, owner.gid);
});
afterEach(() => rm(place, { recursive: true, force: true }));

/** A program that stands in for the AWS CLI. */
async function aws(script: string, mode = 0o755): Promise<void> {
  await writeFile(join(programs, 'aws'), `#!/bin/sh\n${script}\n`);
  await chmod(join(programs, 'aws'), mode);
}

const look = (more: Partial<AwsLook> = {}) =>
  lookAtAws({
    owner: { ...owner, home },
    env: { PATH: programs },
    variables: {},
    signal: new AbortController().signal,
    macHomes: join(place, 'Users'),
    ...more,
  });

describe('lookAtAws()', () => {
  it('asks as the owner, with his home, the variables of the agent, and the way to the network', async () => {
    await aws(
      `echo "$@" >>$HOME/said; /usr/bin/env >>$HOME/said; /usr/bin/id -u >>$HOME/said; /usr/bin/id -G >>$HOME/said`,
    );
    const env = { PATH: programs, HOME: '/root', https_proxy: 'proxy', AWS_PROFILE: 'mine', SECRET: 'root' };
    const found = await look({ env, variables: { AWS_REGION: 'eu-west-1' } });
    expect(found.identity).toEqual({ kind: 'known' });
    const said = (await readFile(join(home, 'said'), 'utf8')).trim().split('\n');
    expect(said[0]).toBe('sts get-caller-identity --output json');
    expect(said).toEqual(
      expect.arrayContaining(['https_proxy=proxy', 'AWS_REGION=eu-west-1', 'AWS_PAGER=', `HOME=${home}`]),
    );
    expect(said.join('\n')).not.toMatch(/SECRET|AWS_PROFILE/);
    expect(said.slice(-2)).toEqual(['4321', '4322']);
  });

  it('tells why AWS refuses', async () => {
    await aws('echo >&2; echo "The SSO session has expired" >&2; echo more >&2; exit 255');
    expect((await look()).identity).toEqual({ kind: 'refused', why: 'The SSO session has expired' });
    await aws('exit 9');
    expect((await look()).identity).toMatchObject({ kind: 'refused', why: expect.stringContaining('9') });
  });

  it('does not wait for ever', async () => {
    await aws('exec /bin/sleep 600');
    const { identity } = await look({ timeoutMs: 200 });
    expect(identity).toEqual({ kind: 'refused', why: 'there was no answer within 0.2 s' });
  });

  it('ends when it is called off', async () => {
    await aws('exec /bin/sleep 600');
    const reason = new Error('called off');
    await expect(look({ signal: AbortSignal.any([AbortSignal.abort(reason)]) })).rejects.toBe(reason);
    const later = new AbortController();
    const looking = look({ signal: later.signal });
    later.abort(reason);
    await expect(looking).rejects.toBe(reason);
  });

  it('notices that there is no program, or none that the owner may run', async () => {
    expect((await look()).identity).toEqual({ kind: 'no-program' });
    await aws('exit 0', 0o700);
    expect((await look()).identity).toEqual({ kind: 'no-program' });
  });

  it('finds the directory of the login, in its place or behind a link', async () => {
    await aws('exit 0');
    expect((await look()).hasDirectory).toBe(false);
    await writeFile(join(home, '.aws'), '');
    expect((await look()).hasDirectory).toBe(false);
    await rm(join(home, '.aws'));
    await mkdir(join(home, 'dotfiles'));
    await symlink('dotfiles', join(home, '.aws'));
    expect((await look()).hasDirectory).toBe(true);
  });

  it('finds files of single sign-on that others can read', async () => {
    await aws('exit 0');
    const cache = join(home, '.aws/sso/cache');
    await mkdir(cache, { recursive: true });
    const modes = { 'a.json': 0o600, 'b.json': 0o640, 'c.json': 0o604, 'd.json': 0o622, 'e.txt': 0o644 };
    for (const [name, mode] of Object.entries(modes)) {
      await writeFile(join(cache, name), '{}');
      await chmod(join(cache, name), mode);
    }
    await symlink('a.json', join(cache, 'link.json'));
    expect((await look()).looseFiles).toEqual([join(cache, 'b.json'), join(cache, 'c.json')]);
  });

  it('finds logins of a macOS that shares its files', async () => {
    await aws('exit 0');
    expect((await look()).macDirectories).toEqual([]);
    for (const path of ['ann/.aws', 'bob', 'Shared']) await mkdir(join(place, 'Users', path), { recursive: true });
    expect((await look()).macDirectories).toEqual([join(place, 'Users/ann/.aws')]);
  });
});
