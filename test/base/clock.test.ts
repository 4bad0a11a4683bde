import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pause, systemClock } from '../../src/base/clock.ts';

const month = 30 * 86_400_000;

describe('waits longer than a timer can be', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('end when they are over, not a moment earlier', () => {
    const run = vi.fn<() => void>();
    using _timer = systemClock.after(month, run);
    vi.advanceTimersByTime(month - 1);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(month);
    expect(run).toHaveBeenCalledOnce();
  });

  it('can be given up in the midst', () => {
    const run = vi.fn<() => void>();
    const timer = systemClock.after(month, run);
    vi.advanceTimersByTime(month / 2);
    timer[Symbol.dispose]();
    vi.advanceTimersByTime(month);
    expect(run).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the machine’s clock', () => {
  it('does not end a sleep of 30 days at once', async () => {
    const stop = new AbortController();
    const sleep = systemClock.sleep(month, stop.signal);
    const first = await Promise.race([sleep, systemClock.sleep(50).then(() => 'still asleep')]);
    expect(first).toBe('still asleep');
    stop.abort(new Error('woken'));
    await expect(sleep).rejects.toThrow('woken');
  });

  it('does not run something due in 30 days at once', async () => {
    const run = vi.fn<() => void>();
    using _timer = systemClock.after(month, run);
    await systemClock.sleep(50);
    expect(run).not.toHaveBeenCalled();
  });

  it('rejects with the reason of a signal that aborted before, also without a wait', async () => {
    await expect(systemClock.sleep(0, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    await expect(systemClock.sleep(1_000, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  });

  it('leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    for (let count = 0; count < 5; count += 1) await systemClock.sleep(1, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('never goes back, and waits at least about as long as asked', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(30);
    // A timer of Node may fire up to one millisecond early.
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(29);
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  });

  it('runs what is due now soon, also with a negative wait', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = systemClock.after(-5, resolve);
    await expect(promise).resolves.toBeUndefined();
  });
});

describe('pause', () => {
  it('ends early, and well, when its signal aborts', async () => {
    const stop = new AbortController();
    const pausing = pause(systemClock, month, stop.signal);
    stop.abort(new Error('enough'));
    await expect(pausing).resolves.toBeUndefined();
    await expect(pause(systemClock, month, stop.signal)).resolves.toBeUndefined();
  });

  it('hides nothing else', async () => {
    const broken = { sleep: () => Promise.reject(new Error('no timers left')) };
    await expect(pause(broken, 1, new AbortController().signal)).rejects.toThrow('no timers left');
  });
});
