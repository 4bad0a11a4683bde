import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openIncus, type Incus } from '../../../src/host/incus/client.ts';
import { openLab, type Lab } from '../../lab/lab.ts';

let lab: Lab;
let incus: Incus;

beforeAll(async () => {
  lab = await openLab({ name: 'incus-ops' });
  incus = openIncus({ socketPath: lab.socket, clock: systemClock });
}, 120_000);

afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
}, 60_000);

const empty = (name: string) => ({ name, source: { type: 'none' } }) as const;

describe.each(['without', 'with'] as const)('Operations %s the event stream', (stream) => {
  beforeAll(async () => {
    if (stream === 'with') await incus.events.ready(AbortSignal.timeout(5_000));
  });

  test('wait() tells success', async () => {
    const outcome = await incus.operations.wait(await incus.instances.create(empty(`ok-${stream}`)));
    expect(outcome.kind).toBe('success');
    expect((await incus.instances.list()).map(({ name }) => name)).toContain(`ok-${stream}`);
  });

  test('finish() throws what the operation failed of: a second create under the same name', async () => {
    const name = `twice-${stream}`;
    await incus.operations.finish(await incus.instances.create(empty(name)));
    const second = await incus.instances.create(empty(name));
    await expect(incus.operations.finish(second)).rejects.toMatchObject({
      class: 'conflict',
      code: 'incus.taken',
      message: expect.stringContaining(`Cannot create instance "${name}": `),
    });
  });

  test('wait() says unknown about an operation that Incus has forgotten', async () => {
    const started = await incus.instances.create(empty(`forgotten-${stream}`));
    const forgotten = { ...started, operation: { ...started.operation, id: crypto.randomUUID() }, startedAt: -1 };
    expect(await incus.operations.wait(forgotten)).toEqual({ kind: 'unknown' });
  });

  test('wait() notices an end that came before it was called', async () => {
    const started = await incus.instances.create(empty(`early-${stream}`));
    await systemClock.sleep(500);
    expect((await incus.operations.wait(started)).kind).toBe('success');
  });
});
