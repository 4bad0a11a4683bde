import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { scheduledState } from '../../src/plan/schedule.ts';
import { checkReferences } from '../../src/spec/check-references.ts';
import { mergeFiles } from '../../src/spec/merge-files.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import { parseSettings } from '../../src/spec/settings.ts';
import type { SettingsLayer } from '../../src/spec/schema/files.ts';
import type { Manifest } from '../../src/spec/sandbox.ts';
import { names, placement, world } from '../plan/given.ts';
import { blocksOf, root } from './documents.ts';

const onDisk = globSync(['examples/**/*.toml', 'desired-state/*.toml'], { cwd: root }).sort();

/** A Wednesday at ten in Warsaw, so that a schedule of working hours says running. */
const workday = Date.parse('2026-03-04T09:00:00Z');

function parse(file: string, text: string, settings: SettingsLayer = {}) {
  return parseManifestFile({ file, text, source: 'test', home: '/home/someone', settings });
}

function read(file: string) {
  return parse(file, readFileSync(join(root, file), 'utf8'));
}

/** What would be done about a sandbox on a host that has nothing of it, once those it depends on are Ready. */
function fromNothing(manifest: Manifest) {
  const { schedule, dependsOn } = manifest.sandbox;
  return plan(
    world(manifest, {
      name: manifest.name,
      placement,
      now: workday,
      agent: { kind: 'absent' },
      dependencies: dependsOn.map((name) => ({ name, ready: true })),
      scheduled: schedule && scheduledState(schedule, workday),
    }),
  );
}

describe('the examples and the sample', () => {
  it('are where documents look for them', () => {
    expect(onDisk).toContain('desired-state/sample.toml');
    expect(onDisk.filter((file) => file.startsWith('examples/')).length).toBeGreaterThanOrEqual(6);
  });

  it.each(onDisk)('%s has no problems', (file) => {
    const { manifests, problems } = read(file);
    expect(problems).toEqual([]);
    expect(manifests).not.toEqual([]);
  });

  it.each(onDisk)('%s names the schema for editors', (file) => {
    const [first = ''] = readFileSync(join(root, file), 'utf8').split('\n');
    const [, schema] = /^#:schema (\S+)$/.exec(first) ?? [];
    expect(schema && join(root, file, '..', schema)).toBe(join(root, 'desired-state/coi.schema.json'));
  });

  it('can all be applied together', () => {
    const { manifests, problems } = mergeFiles(onDisk.map(read));
    expect([...problems, ...checkReferences(manifests)]).toEqual([]);
    expect(manifests.length).toBeGreaterThanOrEqual(onDisk.length);
  });

  it.each(onDisk.flatMap((file) => read(file).manifests.map((manifest) => ({ name: manifest.name, manifest }))))(
    '$name is made from nothing',
    ({ manifest }) => {
      const made = fromNothing(manifest);
      const { tool, state } = manifest.sandbox;
      expect(made.block).toBeUndefined();
      expect(names(made)).toEqual(['reserve', 'create', ...(tool.command && state === 'running' ? ['agent'] : [])]);
    },
  );
});

describe('the sample', () => {
  it('asks for nothing that a new machine lacks', () => {
    const [manifest] = read('desired-state/sample.toml').manifests;
    expect(manifest?.sandbox).toMatchObject({
      image: 'coi',
      tool: { command: ['dummy'] },
      network: { mode: 'restricted' },
    });
    expect(manifest?.sandbox).not.toHaveProperty('workspace');
  });
});

describe('what an example is about is in it', () => {
  const sandboxOf = (file: string) => read(`examples/${file}`).manifests[0]?.sandbox;
  it.each([
    ['agent.toml', { workspace: '/home/someone/code/shop', prompt: expect.any(String) }],
    ['locked-down.toml', { network: { mode: 'none' }, limits: { processes: 200 } }],
    ['working-hours.toml', { schedule: { timezone: 'Europe/Warsaw' } }],
    ['short-lived.toml', { lifetime: { ttlMs: 8 * 3_600_000 } }],
    ['protected.toml', { policy: { deletion: 'protect', drift: 'observe', allow: 'restart' } }],
  ])('%s', (file, about) => {
    expect(sandboxOf(file)).toMatchObject(about);
  });

  it('chain.toml', () => {
    const { manifests } = read('examples/chain.toml');
    expect(manifests.map(({ sandbox }) => sandbox.dependsOn.length)).toEqual([0, 1, 2]);
  });

  it('working-hours.toml: stopped on a Sunday', () => {
    const schedule = sandboxOf('working-hours.toml')?.schedule;
    expect(schedule && scheduledState(schedule, Date.parse('2026-03-08T10:00:00Z')).state).toBe('stopped');
  });
});

describe('the example of a profile', () => {
  const [settingsText = '', manifestText = ''] = blocksOf('examples/profile/README.md', 'toml');
  const { settings, problems, warnings } = parseSettings([{ file: 'config.toml', text: settingsText }]);

  it('has settings without problems', () => {
    expect([...problems, ...warnings]).toEqual([]);
  });

  it('has sandboxes that take from the profile what they do not say', () => {
    const parsed = parse('small.toml', manifestText, settings.layer);
    expect(parsed.problems).toEqual([]);
    expect(parsed.manifests.map(({ sandbox }) => [sandbox.limits.cpu?.count, sandbox.limits.memory?.limit])).toEqual([
      ['1', '1GiB'],
      ['2', '1GiB'],
    ]);
    for (const manifest of parsed.manifests)
      expect(names(fromNothing(manifest))).toEqual(['reserve', 'create', 'agent']);
  });

  it('is refused where the settings lack the profile', () => {
    expect(parse('small.toml', manifestText).problems.map(({ code }) => code)).toEqual([
      'spec.profile',
      'spec.profile',
    ]);
  });
});
