import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { brokenAlerts, startPrometheus, unansweredQueries, type Prometheus } from '../deploy/prometheus.ts';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { untilWatched } from '../monitor/detections.ts';

let lab: Lab;
let controller: LabController;
let door: Server;
let prometheus: Prometheus;
const carriers = new Set<ChildProcess>();

beforeAll(async () => {
  lab = await openLab({ name: 'telemetry' });
  controller = await startController(lab, { monitoring: true });
  await Promise.all([controller.declare('one'), controller.declare('two')]);
  await Promise.all([controller.ready('one', 'running'), controller.ready('two', 'running')]);
  await untilWatched(controller, 'one');
  // A rule has a series with its first detection.
  await lab.incus('exec', 'coi-one', '--', 'sh', '-c', 'cp /bin/busybox /tmp/printenv; /tmp/printenv || true');
  door = await openDoor();
  prometheus = await startPrometheus({ host: '127.0.0.1', port: (door.address() as AddressInfo).port });
});
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  for (const carrier of carriers) carrier.kill();
  door?.close();
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** A port of the machine behind which the lab's /metrics are: loopback of another network namespace. */
async function openDoor(): Promise<Server> {
  const inside = "const s = require('net').connect(9477, '127.0.0.1'); process.stdin.pipe(s).pipe(process.stdout)";
  const [file = '', ...args] = lab.inside.argv([process.execPath, '-e', inside]);
  const server = createServer((socket) => {
    const carrier = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    carriers.add(carrier);
    // Either side may hang up first; the other is then done, too.
    for (const end of [socket, carrier.stdin, carrier.stdout]) end.on('error', () => carrier.kill());
    carrier.once('exit', () => carriers.delete(carrier));
    socket.once('close', () => carrier.kill());
    socket.pipe(carrier.stdin);
    carrier.stdout.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

it('gives a real Prometheus everything that alerts and dashboard ask for', async () => {
  expect(await brokenAlerts(prometheus)).toEqual([]);
  expect(await unansweredQueries(prometheus)).toEqual([]);
  const [ready] = await prometheus.query('sum(coi_sandbox_conditions{type="Ready",status="True"})');
  expect(ready?.value[1]).toBe('2');
});

it('raises no alert while all is well', async () => {
  const raised = (await prometheus.rules()).filter(({ state }) => state === 'firing' || state === 'pending');
  expect(raised.map(({ name }) => name)).toEqual([]);
});

it('raises one when something is wrong', async () => {
  await controller.declare('stuck', 'image = "missing"');
  await controller.condition('stuck', 'Stalled(ImageMissing)');
  const raised = async () =>
    (await prometheus.rules()).filter(({ state }) => state !== 'inactive' && state !== '').map(({ name }) => name);
  await expect.poll(raised, { timeout: 30_000, interval: 500 }).not.toEqual([]);
});

it('says whether it is alive and ready', async () => {
  const ask = (path: string) => lab.run(['curl', '-sS', '-w', '%{http_code}', `http://127.0.0.1:9477/${path}`]);
  expect((await ask('healthz')).stdout).toMatch(/200$/);
  expect((await ask('readyz')).stdout).toMatch(/200$/);
  await lab.stopIncusd();
  await expect.poll(async () => (await ask('readyz')).stdout, { timeout: 10_000 }).toMatch(/503$/);
  expect((await ask('healthz')).stdout).toMatch(/200$/);
  await lab.startIncusd();
  await expect.poll(async () => (await ask('readyz')).stdout, { timeout: 10_000 }).toMatch(/200$/);
});
