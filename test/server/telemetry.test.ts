import { connect } from 'node:net';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { openMetrics } from '../../src/metrics/open-metrics.ts';
import { serveTelemetry, type Telemetry, type TelemetryOptions } from '../../src/server/telemetry.ts';

const open: Telemetry[] = [];
afterEach(async () => {
  for (const telemetry of open.splice(0)) await telemetry[Symbol.asyncDispose]();
});

async function serve(options: Partial<TelemetryOptions> = {}): Promise<Telemetry> {
  const telemetry = await serveTelemetry({
    host: '127.0.0.1',
    port: 0,
    metrics: openMetrics({ version: '1' }),
    health: () => ({ ok: true, message: 'alive' }),
    readiness: () => ({ ok: false, message: 'no complete look yet' }),
    onError: () => {},
    ...options,
  });
  open.push(telemetry);
  return telemetry;
}

interface Wanted {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly host?: string;
}

async function ask({ port }: Telemetry, { path, method = 'GET', headers = {}, host = '127.0.0.1' }: Wanted) {
  const sent = request({ host, port, path, method, headers });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

describe('serveTelemetry()', () => {
  test('serves metrics, health and readiness', async () => {
    const telemetry = await serve();
    const metrics = await ask(telemetry, { path: '/metrics' });
    expect(metrics.status).toBe(200);
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.body).toContain('coi_build_info{version="1"');
    expect(await ask(telemetry, { path: '/healthz?verbose' })).toMatchObject({ status: 200, body: 'alive\n' });
    expect(await ask(telemetry, { path: '/readyz' })).toMatchObject({ status: 503, body: 'no complete look yet\n' });
  });

  test('serves on IPv6 and under the name localhost too', async () => {
    const six = await serve({ host: '::1' });
    expect(six.url).toBe(`http://[::1]:${six.port}`);
    expect(await ask(six, { path: '/healthz', host: '::1' })).toMatchObject({ status: 200 });
    expect((await serve({ host: 'localhost' })).url).toMatch(/^http:\/\/127\.0\.0\.1:/);
  });

  test.each(['0.0.0.0', '::', '192.0.2.1', '10.127.0.1', 'example.org', '127.example.org'])(
    'does not listen on %s',
    async (host) => {
      await expect(serve({ host })).rejects.toMatchObject({ code: 'telemetry.address' });
    },
  );

  test.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80', '192.0.2.1'])(
    'does not answer a request for %s',
    async (host) => {
      const answer = await ask(await serve(), { path: '/metrics', headers: { host } });
      expect(answer.status).toBe(421);
      expect(answer.body).not.toContain('coi_');
    },
  );

  test.each(['localhost', 'LOCALHOST:9477', '127.0.0.1', '[::1]:9477'])('answers a request for %s', async (host) => {
    expect(await ask(await serve(), { path: '/healthz', headers: { host } })).toMatchObject({ status: 200 });
  });

  test('refuses other paths and methods', async () => {
    const telemetry = await serve();
    for (const path of ['/', '/metrics/', '/constructor', '/__proto__', '/metrics%2f']) {
      expect(await ask(telemetry, { path })).toMatchObject({ status: 404 });
    }
    const answer = await ask(telemetry, { path: '/metrics', method: 'POST' });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('GET, HEAD');
    expect(await ask(telemetry, { path: '/metrics', method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  test('answers 500 without details when a metric cannot be read, and goes on', async () => {
    const errors: unknown[] = [];
    const metrics = openMetrics({ version: '1' });
    metrics.sandboxes.follow(() => {
      throw new Error('inner secret');
    });
    const telemetry = await serve({ metrics, onError: (error) => errors.push(error) });
    const answer = await ask(telemetry, { path: '/metrics' });
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('inner secret');
    expect(errors).toHaveLength(1);
    expect(await ask(telemetry, { path: '/healthz' })).toMatchObject({ status: 200 });
  });

  test('says what to do when the port is taken', async () => {
    const { port } = await serve();
    await expect(serve({ port })).rejects.toMatchObject({
      code: 'telemetry.port-in-use',
      message: `Cannot serve metrics on 127.0.0.1, port ${port}: something else listens there`,
      hint: expect.stringContaining(`ss -ltnp sport = :${port}`),
    });
  });

  test('closes at once, also with a client that says nothing', async () => {
    const telemetry = await serve();
    const socket = connect(telemetry.port, '127.0.0.1');
    await once(socket, 'connect');
    const began = performance.now();
    await telemetry[Symbol.asyncDispose]();
    expect(performance.now() - began).toBeLessThan(20_000);
    socket.destroy();
    const again = await serve({ port: telemetry.port });
    expect(again.port).toBe(telemetry.port);
  });
});
