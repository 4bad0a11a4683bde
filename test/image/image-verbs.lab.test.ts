import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openIncus, type Incus } from '../../src/host/incus/client.ts';
import { temporaryMs, temporaryName } from '../../src/image/temporary.ts';
import { manifest } from '../lab/controller.ts';
import { until } from '../lab/until.ts';
import { listRules } from '../lab/world.ts';
import { openDesk, type Desk } from '../session/desk.ts';

let desk: Desk;
let incus: Incus;
let here: string;

beforeAll(async () => {
  desk = await openDesk('image', ['busybox']);
  here = await desk.workspace('here');
  incus = openIncus({ socketPath: desk.lab.socket, clock: systemClock });
  await desk.controller.declare('web');
  await desk.controller.ready('web', 'running');
});
afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await desk?.[Symbol.asyncDispose]();
});

const coi = (...args: string[]) => desk.coi(here, args);
const inside = (instance: string, script: string) =>
  desk.lab.incus('exec', instance, '--', 'sh', '-c', script).then((text) => text.trim());
const fingerprints = async () => (await incus.images.list()).map(({ fingerprint }) => fingerprint).toSorted();
const named = async (alias: string) => incus.images.get((await incus.images.resolve(alias))!);
const done = { exitCode: 0, stdout: '' };

async function publish(container: string, alias: string, ...flags: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await coi('image', 'publish', container, alias, ...flags);
  expect({ stderr, exitCode }).toEqual({ stderr: expect.stringContaining(`Published ${alias}: `), exitCode: 0 });
  const { fingerprint, ...rest } = JSON.parse(stdout) as { readonly fingerprint: string };
  expect(rest).toEqual({ alias });
  return fingerprint;
}

/** Declares a sandbox as commands do. */
async function store(name: string): Promise<void> {
  const file = `${here}/${name}.toml`;
  await writeFile(file, manifest(name));
  expect((await coi('apply', '-f', file, '--wait')).exitCode).toBe(0);
}

/** What an alias stands for, asked again and again until stopped; `undefined` where it stands for nothing. */
function watchAlias(alias: string): () => Promise<(string | undefined)[]> {
  const seen: (string | undefined)[] = [];
  const stop = new AbortController();
  const ask = async () => {
    while (!stop.signal.aborted) {
      const target = await incus.images.resolve(alias);
      if (seen.length === 0 || seen.at(-1) !== target) seen.push(target);
    }
  };
  const asking = ask();
  return async () => {
    stop.abort();
    await asking;
    return seen;
  };
}

describe('coi image publish', () => {
  it('makes an image of a running container, which goes on as it is, and of which nothing but its files is in it', async () => {
    await inside('coi-web', 'echo one > /marker; rm -f /etc/hostname');
    const [before, rules] = [await incus.instances.state('coi-web'), await listRules(desk.lab)];
    const fingerprint = await publish('coi-web', 'tools', '--description', 'with a marker');
    expect((await incus.instances.state('coi-web')).pid).toBe(before.pid);
    expect(await listRules(desk.lab)).toBe(rules);
    expect(await incus.snapshots.names('coi-web')).toEqual([]);
    const image = await named('tools');
    expect(image).toMatchObject({ fingerprint, aliases: ['tools'] });
    expect(image.properties).toEqual({ description: 'with a marker', os: 'busybox' });

    await Promise.all(['one', 'two'].map((name) => desk.controller.declare(name, 'image = "tools"')));
    const made = [await desk.controller.ready('one', 'running'), await desk.controller.ready('two', 'running')];
    const all = [await desk.controller.ready('web'), ...made];
    expect(new Set(all.map(({ uid }) => uid)).size).toBe(3);
    for (const { instance, ipv4 } of all) {
      expect(await inside(instance, 'cat /marker')).toBe('one');
      const hasAddress = async () => (await inside(instance, 'ip -4 addr show eth0')).includes(`inet ${ipv4}/`);
      await until(`${instance} to have its own address`, hasAddress, { timeoutMs: 40_000 });
    }
    const { config } = await desk.controller.instance('coi-one');
    expect([config['user.coi.name'], config['user.coi.instance']]).toEqual(['one', 'coi-one']);
    await desk.lab.incus('init', 'tools', 'bare');
    expect(Object.keys((await desk.controller.instance('bare')).config).filter((key) => key.includes('coi'))).toEqual(
      [],
    );
    await desk.lab.incus('delete', 'bare');
  });

  it('moves an alias that is there without a moment in which it stands for nothing, and names what it stood for', async () => {
    const former = await incus.images.resolve('tools');
    await inside('coi-web', 'echo two > /marker');
    const stop = watchAlias('tools');
    const latter = await publish('web', 'tools');
    expect(await stop()).toEqual([former, latter]);
    expect(latter).not.toBe(former);
    expect((await incus.images.get(former!)).aliases).toEqual([expect.stringMatching(/^tools-\d{8}-\d{6}$/)]);
    expect((await incus.images.get(latter)).aliases).toEqual(['tools']);
  });

  it('deletes the container afterwards where that is said, and only what a command made', async () => {
    await store('spare');
    await publish('coi-spare', 'spare', '--delete');
    expect(await desk.controller.sandbox('spare')).toBeUndefined();
    expect((await desk.controller.instances()).has('coi-spare')).toBe(false);

    const images = await fingerprints();
    expect(await coi('image', 'publish', 'web', 'never', '--delete')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/coi-web cannot be deleted by coi: it is declared in .*web\.toml:2/),
    });
    await desk.lab.incus('init', 'busybox', 'foreign');
    const config = await desk.lab.incus('config', 'show', 'foreign');
    expect(await coi('image', 'publish', 'foreign', 'never', '--delete')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('afterwards: incus delete --force foreign'),
    });
    expect(await fingerprints()).toEqual(images);
    await publish('foreign', 'of-foreign');
    expect(await desk.lab.incus('config', 'show', 'foreign')).toBe(config);
  });

  it('leaves nothing when it is interrupted, or its container is deleted meanwhile', async () => {
    const images = await fingerprints();
    await inside('coi-web', 'dd if=/dev/urandom of=/big bs=1M count=200 2>/dev/null');
    const isPacking = async () =>
      (await incus.operations.running()).some((each) => each.description === 'Downloading image');
    const running = desk.spawn(here, ['image', 'publish', 'web', 'never', '--compression', 'gzip']);
    await until('it to be packed', isPacking, { timeoutMs: 60_000 });
    await running.stop('SIGINT');
    expect((await running.ended).exitCode).toBe(130);
    expect([await fingerprints(), await incus.snapshots.names('coi-web')]).toEqual([images, []]);

    await store('going');
    await inside('coi-going', 'dd if=/dev/urandom of=/big bs=1M count=300 2>/dev/null');
    const other = coi('image', 'publish', 'going', 'never', '--compression', 'gzip');
    await until('it to be packed', isPacking, { timeoutMs: 60_000 });
    expect((await coi('delete', 'going', '--wait')).exitCode).toBe(0);
    const said = expect.stringContaining('coi-going was deleted or renamed while an image of it was made');
    expect(await other).toEqual({ exitCode: 1, stdout: '', stderr: said });
    expect((await desk.controller.instances()).has('coi-going')).toBe(false);
    expect(await fingerprints()).toEqual(images);
  });

  it('leaves what Incus or the next one removes when it is killed', async () => {
    await inside('coi-web', 'dd if=/dev/urandom of=/big bs=1M count=60 2>/dev/null');
    const running = desk.spawn(here, ['image', 'publish', 'web', 'never', '--compression', 'gzip']);
    const packing = async () =>
      (await incus.operations.running()).find((each) => each.description === 'Downloading image');
    const { id } = await until('it to be packed', packing, { timeoutMs: 60_000 });
    await running.stop('SIGKILL');
    const [snapshot] = JSON.parse(await desk.lab.incus('query', '/1.0/instances/coi-web/snapshots?recursion=1')) as {
      readonly expires_at: string;
    }[];
    expect(Date.parse(snapshot!.expires_at)).toBeGreaterThan(Date.now());
    const isOver = async () => (await incus.operations.running()).every((each) => each.id !== id);
    await until('Incus to be done', isOver, { timeoutMs: 120_000 });
    expect(await incus.images.resolve('never')).toBeUndefined();
    const [left] = (await incus.images.list()).filter(({ aliases }) =>
      aliases.some((each) => each.startsWith('coi-publish-')),
    );
    // As if it had happened long ago.
    const [alias] = left!.aliases;
    await incus.images.setAlias(temporaryName({ now: () => Date.now() - 2 * temporaryMs }), left!.fingerprint);
    await incus.images.deleteAlias(alias!);
    await publish('web', 'after');
    expect(await fingerprints()).not.toContain(left!.fingerprint);
  });

  it('says what makes no sense', async () => {
    for (const container of ['nobody', '', '../web', 'a/b']) {
      const said = expect.stringContaining(`There is no container ${JSON.stringify(container)}`);
      expect(await coi('image', 'publish', container, 'never')).toEqual({ exitCode: 1, stdout: '', stderr: said });
    }
    for (const alias of ['', '..', '-x', 'a b', 'x\u001B[2J']) {
      const said = expect.stringContaining('cannot be an alias');
      expect(await coi('image', 'publish', '--', 'web', alias)).toEqual({ exitCode: 1, stdout: '', stderr: said });
    }
    expect((await coi('image', 'publish', 'web')).stderr).toContain('image publish needs ALIAS');
  });
});

describe('coi image list', () => {
  it('says whether the image of sandboxes is built, and which there are', async () => {
    const text = (await coi('images')).stdout;
    expect(text).toMatch(
      /^Available Images:\n\nCOI Images:\n {2}coi \(not built\)\n {4}Build it: coi build coi\n\nRemote/,
    );
    expect((await coi('image', 'list')).stdout).toBe(text);
    expect(text).not.toContain('busybox');
    await desk.lab.incus('image', 'alias', 'create', 'coi', (await incus.images.resolve('busybox'))!);
    const all = (await coi('images', '-a')).stdout;
    expect(all).toMatch(
      /COI Images:\n {2}coi \(built\)\n {4}Fingerprint: [0-9a-f]{12}\n {4}Size: 2\.1 MiB\n {4}Created: /,
    );
    expect(all).toMatch(/\nAll Local Images:\n {2}ALIAS +FINGERPRINT +SIZE +CREATED +DESCRIPTION\n/);
    expect(all).toMatch(/\n {2}busybox, coi +[0-9a-f]{12} +2\.1 MiB +1970-01-01 00:00:01 +busybox for fleets\n/);
    expect((await coi('image', 'list', '--all')).stdout).toBe(all);
    await incus.images.deleteAlias('coi');
  });

  it('lists aliases with a prefix as a table or as JSON', async () => {
    const { stdout } = await coi('image', 'list', '--prefix', 'tools');
    const lines = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(lines).toEqual([
      ['ALIAS', 'SIZE', 'CREATED'],
      ['tools', expect.stringMatching(/^[\d.]+ [KM]iB$/), expect.stringMatching(/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$/)],
      [expect.stringMatching(/^tools-\d{8}-\d{6}$/), expect.any(String), expect.any(String)],
    ]);
    const listed = JSON.parse((await coi('image', 'list', '--prefix', 'tools', '--format', 'json')).stdout) as object[];
    const { fingerprint, sizeBytes, createdAt } = await named('tools');
    expect(listed[0]).toEqual({ fingerprint, aliases: ['tools'], size: sizeBytes, created_at: createdAt });
    expect(listed).toHaveLength(2);
    const all = JSON.parse((await coi('image', 'list', '--format=json')).stdout) as { readonly fingerprint: string }[];
    expect(all.map((each) => each.fingerprint).toSorted()).toEqual(await fingerprints());
    expect(JSON.parse((await coi('image', 'list', '--prefix', 'nope', '--format', 'json')).stdout)).toEqual([]);
    expect((await coi('image', 'list', '--prefix', 'nope')).stdout).toBe('ALIAS  SIZE  CREATED');
  });
});

describe('coi image exists and delete', () => {
  it('answer by their exit codes, and say nothing on stdout', async () => {
    expect(await coi('image', 'exists', 'of-foreign')).toEqual({ ...done, stderr: '' });
    expect(await coi('image', 'delete', 'of-foreign')).toEqual({
      ...done,
      stderr: expect.stringMatching(/^Deleted image of-foreign \([0-9a-f]{12}\)$/),
    });
    for (const name of ['of-foreign', '', '..', 'a/../b']) {
      expect(await coi('image', 'exists', name)).toEqual({ exitCode: 1, stdout: '', stderr: '' });
      const said = expect.stringContaining(`There is no image ${JSON.stringify(name)}`);
      expect(await coi('image', 'delete', name)).toEqual({ exitCode: 1, stdout: '', stderr: said });
    }
  });

  it('refuse what sandboxes are declared with, and what has other names, unless forced', async () => {
    const said = expect.stringContaining('The image tools is what sandbox one, sandbox two would be made from');
    expect(await coi('image', 'delete', 'tools')).toEqual({ exitCode: 1, stdout: '', stderr: said });
    await desk.lab.incus('image', 'alias', 'create', 'second', (await incus.images.resolve('spare'))!);
    expect(await coi('image', 'delete', 'spare')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('The image spare is also called second'),
    });
    expect(await coi('image', 'delete', 'spare', '--force')).toMatchObject(done);
    expect(await coi('image', 'delete', 'tools', '--force')).toMatchObject(done);
    expect([await incus.images.resolve('second'), await incus.images.resolve('tools')]).toEqual([undefined, undefined]);
    // What was made from it goes on.
    expect(await inside('coi-one', 'cat /marker')).toBe('one');
  });
});

describe('coi image cleanup', () => {
  it('keeps the newest versions of a name, and what is still needed', async () => {
    const days = ['20260103', '20260101', '20260105', '20260102', '20260104'];
    for (const day of days) await publish('foreign', `app-${day}-000000`);
    await publish('foreign', 'apple-20250101-000000');
    await incus.images.setAlias('app', (await incus.images.resolve('app-20260102-000000'))!);
    await desk.controller.declare('old', 'image = "app-20260101-000000"', 'state = "stopped"');
    await desk.controller.ready('old');
    const images = await fingerprints();

    const kept = ['app-20260105-000000', 'app-20260104-000000'].map((alias) => `Kept ${alias}`);
    const needed = ['Kept app-20260102-000000 (needed by app)', 'Kept app-20260101-000000 (needed by sandbox old)'];
    const dry = await coi('image', 'cleanup', 'app-', '--keep', '2', '--dry-run');
    const says = [...kept, ...needed, 'Would delete app-20260103-000000', '4 versions kept, 1 to be deleted'];
    expect(dry).toEqual({ ...done, stderr: says.join('\n') });
    expect(await fingerprints()).toEqual(images);

    const { stdout, stderr, exitCode } = await coi('image', 'cleanup', 'app-', '--keep=2', '--format', 'json');
    expect({ stderr, exitCode }).toEqual({
      stderr: [...kept, ...needed, 'Deleted app-20260103-000000', '4 versions kept, 1 deleted'].join('\n'),
      exitCode: 0,
    });
    expect(JSON.parse(stdout)).toMatchObject({
      kept: [{}, {}, { held_by: ['app'] }, { held_by: ['sandbox old'] }],
      deleted: [{ alias: 'app-20260103-000000', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
    expect(await fingerprints()).toHaveLength(images.length - 1);
    await incus.images.deleteAlias('app');
    await desk.controller.remove('old.toml');
    await desk.controller.gone('old');
    expect((await coi('image', 'cleanup', 'app-', '--keep', '1')).exitCode).toBe(0);
    const left = (await incus.images.list()).flatMap(({ aliases }) => aliases).filter((each) => each.startsWith('app'));
    expect(left.toSorted()).toEqual(['app-20260105-000000', 'apple-20250101-000000']);
  });

  it('needs to know how many', async () => {
    for (const keep of ['0', '-1']) {
      const said = expect.stringContaining('--keep must be 1 or more');
      expect(await coi('image', 'cleanup', 'app-', '--keep', keep)).toEqual({ exitCode: 2, stdout: '', stderr: said });
    }
    expect(await coi('image', 'cleanup', 'app-')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('needs --keep'),
    });
    expect(await coi('image', 'cleanup', 'app-', '--keep', 'x')).toMatchObject({ exitCode: 1 });
    expect(await coi('image', 'cleanup', '', '--keep', '1')).toMatchObject({ exitCode: 1 });
    expect(await incus.images.resolve('app-20260105-000000')).toBeDefined();
  });
});
