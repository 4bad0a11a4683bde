import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HealthReport } from '../../src/health/run-checks.ts';
import { labSettings } from '../lab/settings.ts';
import { until } from '../lab/until.ts';
import { port } from '../network/targets.ts';
import { Place } from '../network/place.ts';

let place: Place;
let internet: string;
let near: string;

beforeAll(async () => {
  place = await Place.open({ name: 'trial', images: ['system'] });
  ({ ipv4: internet } = await place.lab.neighbour('internet'));
  ({ ipv4: near } = await place.lab.neighbour('private'));
  for (const name of ['internet', 'private'] as const) {
    await (await place.neighbour(name)).order({ do: 'serve', port });
  }
});
afterAll(() => place?.[Symbol.asyncDispose]());

/** What `coi health` says about sandboxes where these are the places to try. */
async function health(reach: string, refused: string, image = 'system') {
  const settings = [
    '[incus]',
    'storage_pool = "default"',
    '[defaults]',
    `image = "${image}"`,
    '[health]',
    `reach = "${reach}:${port}"`,
    `private = ["${refused}:${port}"]`,
  ];
  await writeFile(join(place.lab.dir, 'etc/config.toml'), labSettings({ settings: settings.join('\n') }));
  const { stdout } = await place.controller.coi('health', '--format', 'json');
  const { checks } = JSON.parse(stdout) as HealthReport;
  const [connectivity, restriction, spoofing] = ['container_connectivity', 'network_restriction', 'spoofing'].map(
    (name) => checks[name]?.status,
  );
  return { connectivity, restriction, spoofing };
}

describe('coi health tries a sandbox of its own', () => {
  it('that reaches what it should and nothing else, and leaves nothing', async () => {
    expect(await health(internet, near)).toEqual({ connectivity: 'ok', restriction: 'ok', spoofing: 'ok' });
    await until('nothing to be left', async () => {
      const { sandboxes } = await place.controller.status();
      return sandboxes.length === 0 && (await place.controller.instances()).size === 0;
    });
    // A prefix of nobody: no command on all sessions means it.
    const { stdout } = await place.controller.coi('events', '--format', 'json');
    const created = stdout.split('\n').filter((line) => line.includes('"kind":"create"'));
    expect(created.length).toBeGreaterThan(0);
    for (const line of created) expect(line).toContain('"key":"sandbox/coi-health-');
  });

  it('and says what it does not reach, and what it reaches but should not', async () => {
    expect(await health(near, internet)).toEqual({
      connectivity: 'failed',
      restriction: 'failed',
      spoofing: 'unknown',
    });
  });

  it('unless there is no image for that, or nothing to reach', async () => {
    expect(await health(internet, near, 'missing')).toEqual({
      connectivity: 'unknown',
      restriction: 'unknown',
      spoofing: 'unknown',
    });
    expect(await health('192.0.2.77', near)).toEqual({
      connectivity: 'warning',
      restriction: 'unknown',
      spoofing: 'unknown',
    });
  });
});
