import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Problem } from '../../../src/base/problem.ts';
import { followKernelLog } from '../../../src/host/kernel-log/follow.ts';
import { until } from '../../lab/until.ts';
import { inside, NamedNamespace } from '../nft/world.ts';

const rules =
  'table inet t {\n chain out {\n type filter hook output priority 0;\n udp dport 9 log prefix "coi-test-PLACE "\n }\n }\n';
const journal =
  'mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal && exec /lib/systemd/systemd-journald';
const savedPath = process.env['PATH'] ?? '';

let namespace: NamedNamespace;
let dir: string;
let word: string;

/** A kernel log that is followed, and what came of it. */
class Followed implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly states: (string | undefined)[] = [];
  readonly problems: Problem[] = [];
  readonly #stop = new AbortController();
  readonly #end: Promise<void>;

  constructor(limaHost = '') {
    this.#end = followKernelLog({
      clock: systemClock,
      signal: this.#stop.signal,
      limaHost,
      onLine: ({ text }) => text.startsWith(word) && this.lines.push(text),
      onLost: () => undefined,
      onState: (source, problem) => {
        this.states.push(source);
        if (problem) this.problems.push(problem);
      },
    });
  }

  /** Has the kernel log something until it arrives. */
  async hears(): Promise<void> {
    const before = this.lines.length;
    const heard = async () => {
      await send();
      return this.lines.length > before;
    };
    await until('a line', heard, { everyMs: 300 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#end;
  }
}

const send = () => inside(namespace.host, 'bash', '-c', 'echo >/dev/udp/127.0.0.1/9');

beforeAll(async () => {
  namespace = await NamedNamespace.make();
  dir = await mkdtemp(join(tmpdir(), 'kernel-log-'));
  word = `coi-test-${namespace.host} `;
  await inside(namespace.host, 'ip', 'link', 'set', 'lo', 'up');
  await writeFile(join(dir, 'rules'), rules.replace('PLACE', namespace.host));
  await inside(namespace.host, 'nft', '-f', join(dir, 'rules'));
});
afterEach(() => void (process.env['PATH'] = savedPath));
afterAll(async () => {
  await namespace?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** A program that takes what `limactl shell MACHINE sudo --non-interactive` is given, and runs it where it is told to. */
async function fakeLima(...prefix: readonly string[]): Promise<void> {
  const path = join(dir, 'limactl');
  const script = `#!/bin/sh\n[ "$1 $2 $3 $4" = "shell vm sudo --non-interactive" ] || exit 9\nshift 4\nexec ${prefix.join(' ')} "$@"\n`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  process.env['PATH'] = `${dir}:${savedPath}`;
}

describe('the kernel log', () => {
  it('is read from /dev/kmsg where no journald runs, from now on', async () => {
    await send();
    await using followed = new Followed();
    await until('a source', () => followed.states.length > 0);
    expect(followed.states).toEqual(['kmsg']);
    const before = followed.lines.length;
    await followed.hears();
    // What was logged before is not told again.
    expect(before).toBeLessThanOrEqual(1);
  });

  it('is read from journald in a Lima machine that has one', async () => {
    await using stack = new AsyncDisposableStack();
    const journald = execa('unshare', ['--mount', 'sh', '-c', journal], { reject: false });
    stack.defer(async () => {
      journald.kill();
      await journald;
    });
    const mounts = `--mount=/proc/${journald.pid}/ns/mnt`;
    const isUp = async () =>
      (await execa('nsenter', [mounts, 'test', '-e', '/run/systemd/journal/socket'], { reject: false })).exitCode === 0;
    await until('journald', isUp);
    await fakeLima('nsenter', mounts);
    const followed = stack.use(new Followed('vm'));
    await followed.hears();
    expect(followed.states).toEqual(['journald']);
  });

  it('is read from /dev/kmsg in a Lima machine without journald', async () => {
    await fakeLima();
    await using followed = new Followed('vm');
    await followed.hears();
    expect(followed.states).toEqual(['kmsg']);
  });

  it('goes on when the program that reads it ends', async () => {
    await fakeLima('timeout', '--preserve-status', '1');
    await using followed = new Followed('vm');
    await followed.hears();
    await until('another start', () => followed.states.filter((state) => state === 'kmsg').length >= 2);
    const before = new Set(followed.lines);
    await followed.hears();
    expect(followed.lines.length).toBe(new Set(followed.lines).size);
    expect(before.size).toBeGreaterThan(0);
  });

  it.each(['--debug', 'a b', '../vm', ''])('of a machine named %j is not asked for by options', async (name) => {
    await using followed = new Followed(name);
    await until('a state', () => followed.states.length > 0);
    const isOwn = name === '';
    expect(followed.states[0]).toBe(isOwn ? 'kmsg' : undefined);
    expect(followed.problems.map(({ code }) => code)).toEqual(isOwn ? [] : ['monitor.kernel-log']);
  });
});
