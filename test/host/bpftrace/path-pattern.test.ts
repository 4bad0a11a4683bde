import { describe, expect, it } from 'vitest';
import { condition, isWatched, type PathPattern } from '../../../src/host/bpftrace/path-pattern.ts';
import { watchedPaths } from '../../../src/monitor/sensors/process/watched-paths.ts';

const read = (path: string) => isWatched(watchedPaths, path, 'read');
const written = (path: string) => isWatched(watchedPaths, path, 'write');

describe('Watched paths', () => {
  it('are those that hold secrets or what runs later', () => {
    const secret = ['/etc/shadow', '/root/.ssh/id_rsa', '/home/code/.aws/credentials', '.ssh/config', 'id_rsa'];
    expect(secret.filter((path) => !read(path))).toEqual([]);
    const inside = ['/proc/1/environ', '/proc/self/environ', '/proc/4242/mem', '/proc/1/root/etc', '/dev/kmsg'];
    expect(inside.filter((path) => !read(path))).toEqual([]);
    const later = ['/workspace/.git/hooks/pre-commit', '.git/hooks/x', '/root/.bashrc', '/etc/cron.d/x', '.envrc'];
    expect(later.filter((path) => !written(path))).toEqual([]);
    expect(later.filter(read)).toEqual([]);
  });

  it('are a few only', () => {
    const ordinary = [
      '/proc/self/status',
      '/proc/meminfo',
      '/proc/12/memory',
      '/proc/12/task/12/environ',
      '/sys/fs/cgroup/system.slice/cgroup.procs',
      '/workspace/src/index.ts',
      '/workspace/node_modules/.bin/tsc',
      '/home/code/.cache/x',
      '/home/code/.npm/_cacache/x',
      '/etc/passwd.lock',
      'package.json',
    ];
    expect(ordinary.filter(read)).toEqual([]);
    expect(ordinary.filter((path) => written(path) && path !== '/etc/passwd.lock')).toEqual([]);
    expect(written('/sys/fs/cgroup/rdma/x/release_agent')).toBe(true);
  });
});

describe('The condition for the kernel', () => {
  /** What the condition says about a path, worked out as bpftrace would. */
  function holds(patterns: readonly PathPattern[], path: string): boolean {
    const memory = Buffer.alloc(64);
    memory.write(path, 'latin1');
    const script = condition(patterns, '$f')
      .replaceAll(/\*\(uint64 \*\)uptr\(\$f \+ (\d+)\)/g, 'word($1)')
      .replaceAll('$p0', 'word(0)')
      .replaceAll('$p1', 'word(8)')
      .replaceAll(/(0x[\da-f]+)/g, '$1n')
      .replaceAll('==', '===')
      .replaceAll('&& 1', '');
    const word = (at: number) => memory.readBigUInt64LE(at);
    // eslint-disable-next-line typescript/no-implied-eval -- text that this test's own source makes
    return new Function('word', `return ${script}`)(word) as boolean;
  }

  it('lets through every path that is watched', () => {
    const paths = watchedPaths.map(({ path }) => path.replace('*', path.startsWith('/proc/*') ? '4711' : 'x/'));
    expect(paths.filter((path) => !holds(watchedPaths, path))).toEqual([]);
    const below = paths.filter((path) => !path.startsWith('/proc/4711')).map((path) => `${path}/more`);
    expect(below.filter((path) => !holds(watchedPaths, path))).toEqual([]);
  });

  it('keeps out what everybody opens all the time', () => {
    const everyday = [
      '/etc/ld.so.cache',
      '/lib/x86_64-linux-gnu/libc.so.6',
      '/usr/include/stdio.h',
      '/dev/null',
      'a.o',
    ];
    expect(everyday.filter((path) => holds(watchedPaths, path))).toEqual([]);
    expect(holds(watchedPaths, '/proc/self/status')).toBe(false);
  });
});
