import { describe, expect, it } from 'vitest';
import type { HealthCheck } from '../../src/health/check.ts';
import { activeContainersCheck } from '../../src/health/checks/active-containers.ts';
import { bridgeCheck } from '../../src/health/checks/bridge.ts';
import { imageAgeCheck } from '../../src/health/checks/image-age.ts';
import { imageCheck } from '../../src/health/checks/image.ts';
import { incusCheck } from '../../src/health/checks/incus.ts';
import { storagePoolCheck } from '../../src/health/checks/storage-pool.ts';
import { runChecks } from '../../src/health/run-checks.ts';
import { IncusError } from '../../src/host/incus/errors.ts';
import { renderStamp } from '../../src/plan/stamp.ts';
import { machineWith, sightOf, type Answers } from './sight.ts';

async function find(check: HealthCheck, incus: Answers, settings = '') {
  return (await runChecks([check], sightOf({ incus, settings }), 0)).checks[check.name]!;
}

const refuse = (errorClass: 'gone' | 'transient') => async () => {
  throw new IncusError({ class: errorClass, what: 'read it', text: 'no' });
};

describe('incus', () => {
  const server = (version: string, isTrusted = true) => ({ server: async () => ({ version, isTrusted }) });

  it.each([
    { what: '6.0', incus: server('6.0'), status: 'ok' },
    { what: '6.18', incus: server('6.18'), status: 'ok' },
    { what: '0.7', incus: server('0.7'), status: 'warning' },
    { what: 'one that says nothing', incus: server('', false), status: 'failed' },
    { what: 'none', incus: { server: refuse('transient') }, status: 'failed' },
  ])('of $what is $status', async ({ incus, status }) => {
    expect((await find(incusCheck, incus)).status).toBe(status);
  });

  it('that hangs on what an earlier one left behind is put right by ending that', async () => {
    const machine = machineWith({ stoppedIncusd: async () => [4711] });
    const sight = sightOf({ incus: { server: refuse('transient') }, machine });
    const found = (await runChecks([incusCheck], sight, 0)).checks['incus'];
    expect(found).toMatchObject({ status: 'failed', message: expect.stringContaining('(4711)') });
    expect(found?.fix).toEqual(['kill -KILL 4711', 'systemctl restart incus']);
  });
});

describe('without Incus', () => {
  it.each([bridgeCheck, imageCheck, imageAgeCheck, storagePoolCheck, activeContainersCheck])(
    '$name is unknown: its own check says why',
    async (check) => {
      for (const server of [refuse('transient'), async () => ({ version: '', isTrusted: false })]) {
        expect(await find(check, { server })).toMatchObject({
          status: 'unknown',
          message: expect.stringContaining('Incus'),
        });
      }
    },
  );
});

describe('the image', () => {
  const fingerprint = '0123456789abcdef'.repeat(4);
  const made = { fingerprint, createdAt: '2026-03-30T00:00:00Z', uploadedAt: '2026-03-30T00:00:00Z' };
  /** Incus knows an image by one alias, and by its fingerprint. */
  const images = (alias: string) => ({
    images: {
      resolve: async (name: string) => (name === alias ? fingerprint : undefined),
      get: async (text: string) => (fingerprint.startsWith(text) ? made : refuse('gone')()),
    },
  });

  it('is there under its alias', async () => {
    expect(await find(imageCheck, images('coi'))).toMatchObject({ status: 'ok', details: { fingerprint } });
    expect((await find(imageAgeCheck, images('coi'))).message).toBe('The image "coi" is 1d old');
  });

  it('is the one that settings name, by alias or fingerprint', async () => {
    const named = (name: string) => `[defaults]\nimage = "${name}"\n`;
    expect((await find(imageCheck, images('mine'), named('mine'))).status).toBe('ok');
    expect((await find(imageCheck, images('coi'), named(fingerprint.slice(0, 12)))).status).toBe('ok');
    expect((await find(imageCheck, images('coi'), named('ffffffffffff'))).status).toBe('failed');
  });

  it('that is not there fails, with how to build it, and has no age', async () => {
    const { status, fix = [] } = await find(imageCheck, images('other'));
    expect(status).toBe('failed');
    expect(fix).toEqual([
      expect.stringMatching(/^sudo \/.*\/images\/build-rootfs \/tmp\/coi-image$/),
      'incus image import /tmp/coi-image/metadata.tar.xz /tmp/coi-image/rootfs.squashfs --alias coi',
    ]);
    expect((await find(imageAgeCheck, images('other'))).status).toBe('unknown');
  });

  it('of somebody’s own is for them to import', async () => {
    const { fix = [] } = await find(
      imageCheck,
      images('coi'),
      '[defaults]\nimage = "mine"\n[incus]\nproject = "agents"\n',
    );
    expect(fix[0]).toBe('incus image list --project agents');
    expect(fix[1]).toContain('--alias mine --project agents');
  });

  it('that cannot be asked for is worth a warning', async () => {
    const broken = { images: { resolve: refuse('transient') } };
    expect((await find(imageCheck, broken)).status).toBe('warning');
    expect((await find(imageAgeCheck, broken)).status).toBe('warning');
  });
});

describe('the storage pool', () => {
  const storage = (space: () => Promise<unknown>) => ({
    storage: { list: async () => [{ name: 'default' }, { name: 'coi' }], space },
  });

  it('is the one that settings name', async () => {
    const space = async () => ({ usedBytes: 1e9, totalBytes: 100e9 });
    expect((await find(storagePoolCheck, storage(space))).message).toContain('"coi"');
    const other = await find(storagePoolCheck, storage(space), '[incus]\nstorage_pool = "fast"\n');
    expect(other).toMatchObject({ status: 'failed', message: expect.stringContaining('there is default, coi') });
  });

  it('that cannot be read is worth a warning', async () => {
    expect((await find(storagePoolCheck, storage(refuse('transient')))).status).toBe('warning');
  });
});

describe('sandboxes', () => {
  const uid = '01J0000000000000000000000A';
  const stamped = (instance: string) =>
    renderStamp({ uid, name: 'a', instance, source: 'dir-a', hash: 'h', generation: 1, applied: undefined });
  const list = async () => [
    { name: 'coi-a', state: 'running', config: stamped('coi-a') },
    { name: 'coi-b', state: 'stopped', config: stamped('coi-b') },
    { name: `coi-del-${uid.toLowerCase()}`, state: 'running', config: stamped('coi-c') },
    { name: 'copy', state: 'running', config: stamped('coi-a') },
    { name: 'web', state: 'running', config: {} },
  ];

  it('are counted, and nobody else’s containers', async () => {
    expect(await find(activeContainersCheck, { instances: { list } })).toEqual({
      name: 'active_containers',
      status: 'ok',
      message: 'Sandboxes that run: 1 of 2',
      details: { running: 1, count: 2 },
    });
  });

  it('that cannot be counted are worth a warning', async () => {
    expect((await find(activeContainersCheck, { instances: { list: refuse('transient') } })).status).toBe('warning');
  });
});
