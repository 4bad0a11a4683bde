import { setImmediate } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { refusalError } from '../../src/host/incus/classify.ts';
import { runLong, runScript, type Guest } from '../../src/image/guest.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

/** As Incus says it of a program that was never begun. */
const lost = refusalError({ what: 'run "sh"', text: 'Failed to retrieve PID of executing child process' });

let clock: FakeClock;
let stop: AbortController;
let calls: number;

beforeEach(() => {
  [clock, stop, calls] = [new FakeClock(), new AbortController(), 0];
});

/** A container in which each program fails like this, one after the other, before one runs. */
function guest(...failures: readonly Error[]): Guest {
  const next = () => {
    const failure = failures[calls];
    calls += 1;
    if (failure) throw failure;
  };
  const exec = {
    run: async () => {
      next();
      return { exitCode: 0 };
    },
    attach: async () => {
      next();
      return { exitCode: Promise.resolve(7) };
    },
  };
  return { incus: { exec }, instance: 'i', clock, signal: stop.signal } as unknown as Guest;
}

async function outcome<T>(work: Promise<T>): Promise<{ readonly value?: T; readonly error?: unknown }> {
  const settled = work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  for (let step = 0; step < 20; step += 1) {
    await setImmediate();
    await clock.advance(500);
  }
  return settled;
}

const long = { argv: ['sh'], env: {}, output: async () => undefined };

test('a program that was never begun is begun again', async () => {
  expect(await outcome(runScript(guest(lost, lost), 'true'))).toEqual({ value: { exitCode: 0 } });
  expect(calls).toBe(3);
  calls = 0;
  expect(await outcome(runLong(guest(lost), long))).toEqual({ value: 7 });
  expect(calls).toBe(2);
});

test('not for ever', async () => {
  const failing = Array.from({ length: 9 }, () => lost);
  expect(await outcome(runScript(guest(...failing), 'true'))).toEqual({ error: lost });
  expect(calls).toBe(5);
});

test('what failed in any other way may have run, and is not begun again', async () => {
  const other = refusalError({ what: 'run "sh"', text: 'websocket: close 1006' });
  expect(await outcome(runLong(guest(other), long))).toEqual({ error: other });
  expect(calls).toBe(1);
});

test('nothing is begun again when it is called off meanwhile', async () => {
  const begun = runScript(guest(lost), 'true').catch((error: unknown) => error);
  await setImmediate();
  stop.abort(new Error('enough'));
  expect(await begun).toMatchObject({ message: 'enough' });
  expect(calls).toBe(1);
});
