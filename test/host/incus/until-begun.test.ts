import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { attachUntilBegun } from '../../../src/host/incus/attach-until-begun.ts';
import { refusalError } from '../../../src/host/incus/classify.ts';
import { ReplayedInput } from '../../../src/host/incus/replayed-input.ts';
import { untilBegun } from '../../../src/host/incus/until-begun.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

/** As Incus says it of a program that was never begun. */
const lost = refusalError({ what: 'run "sh"', text: 'Failed to retrieve PID of executing child process' });

let clock: FakeClock;
let stop: AbortController;
let calls: number[];

beforeEach(() => {
  [clock, stop, calls] = [new FakeClock(), new AbortController(), []];
});

/** Runs what fails like this, one after the other, before it gives 7. */
async function outcome(failures: readonly Error[], mayAgain?: () => boolean): Promise<unknown> {
  const run = async (at: number) => {
    calls.push(at);
    const failure = failures[at];
    if (failure) throw failure;
    return 7;
  };
  const settled = untilBegun(clock, stop.signal, run, mayAgain).catch((error: unknown) => error);
  for (let step = 0; step < 60; step += 1) {
    await setImmediate();
    await clock.advance(500);
  }
  return settled;
}

describe('a program that was never begun', () => {
  test('is begun again', async () => {
    expect(await outcome([lost, lost])).toBe(7);
    expect(calls).toEqual([0, 1, 2]);
  });

  test('not for ever, and not without what it takes', async () => {
    expect(await outcome(Array.from({ length: 99 }, () => lost))).toBe(lost);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(20_000);
    expect(calls).toHaveLength(41);
    calls = [];
    expect(await outcome([lost], () => false)).toBe(lost);
    expect(calls).toEqual([0]);
  });

  test('is not begun again when that failed in any other way: it may have run', async () => {
    const other = refusalError({ what: 'run "sh"', text: 'websocket: close 1006' });
    expect(await outcome([other])).toBe(other);
    expect(calls).toEqual([0]);
  });

  test('is not begun again when it is called off meanwhile', async () => {
    const failing = () => Promise.reject(lost);
    const begun = untilBegun(clock, stop.signal, failing).catch((error: unknown) => error);
    await setImmediate();
    stop.abort(new Error('enough'));
    expect(await begun).toMatchObject({ message: 'enough' });
  });
});

describe('a signal to a program that was never begun', () => {
  test('is sent to what is begun in its place, whenever it came', async () => {
    const got: (readonly [program: number, signal: number])[] = [];
    const ends = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    let programs = 0;
    const begin = async () => {
      const own = programs++;
      return { send: (signal: number) => void got.push([own, signal]), exitCode: ends[own]!.promise };
    };
    const attached = await attachUntilBegun(clock, { begin, mayAgain: () => true, signal: stop.signal });
    attached.say((program) => program.send(15));
    ends[0]!.reject(lost);
    await setImmediate();
    // Nothing runs for now.
    attached.say((program) => program.send(2));
    await clock.advance(500);
    ends[1]!.resolve(130);
    expect(await attached.exitCode).toBe(130);
    expect(got.filter(([program]) => program === 1)).toEqual([
      [1, 15],
      [1, 2],
    ]);
  });
});

describe('input that is read again', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const text = async (input: AsyncIterable<Uint8Array>) => {
    let all = '';
    for await (const chunk of input) all += new TextDecoder().decode(chunk);
    return all;
  };

  test('is the same from its beginning, also when all of it was read', async () => {
    const input = new ReplayedInput(
      (async function* () {
        yield bytes('one ');
        yield bytes('two');
      })(),
    );
    expect([await text(input.read()), await text(input.read()), input.isWhole]).toEqual(['one two', 'one two', true]);
  });

  test('loses nothing that its first reader still waited for', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const input = new ReplayedInput(
      (async function* () {
        yield bytes('typed ');
        await promise;
        yield bytes('later');
      })(),
    );
    const first = input.read();
    await first.next();
    const waiting = first.next();
    const second = text(input.read());
    resolve();
    expect(await second).toBe('typed later');
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test('is handed on once where it is too much to keep', async () => {
    const input = new ReplayedInput(
      (async function* () {
        for (let part = 0; part < 3; part += 1) yield new Uint8Array(2 ** 19);
      })(),
    );
    let length = 0;
    for await (const chunk of input.read()) length += chunk.length;
    expect([length, input.isWhole]).toEqual([3 * 2 ** 19, false]);
  });
});
