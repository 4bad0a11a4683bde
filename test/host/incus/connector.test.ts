import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { incusConnector } from '../../../src/host/incus/connector.ts';

test('what was received is read to its end also when nothing can be written any more', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'coi-connector-'));
  const path = join(directory.path, 'socket');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const connected = Promise.withResolvers<Socket>();
  incusConnector(path)({ hostname: 'incus', protocol: 'http:', port: '80' }, (error, socket) =>
    error ? connected.reject(error) : connected.resolve(socket),
  );
  const [near, [far]] = await Promise.all([connected.promise, accepted]);
  // Nothing is read before the other side has gone, as when a short program ends at once.
  near.pause();
  far.end('the last words');
  far.destroySoon();
  await once(far, 'close');
  near.write('an answer');
  near.cork();
  near.write('another');
  near.write('and one more');
  near.uncork();
  await sleep(50);
  expect(await text(near)).toBe('the last words');
  server.close();
});
