import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withEnvironment } from '../../src/host/incus/exec-environment.ts';
import { guestCommand } from '../../src/session/guest-command.ts';
import { guestEnvironment } from '../../src/session/guest-environment.ts';

/** Variables that shells keep for themselves. */
const reserved = new Set([
  '_',
  'PWD',
  'OLDPWD',
  'SHLVL',
  'UID',
  'EUID',
  'PPID',
  'IFS',
  'PS1',
  'PS2',
  'PS4',
  'OPTIND',
  'PATH',
]);

describe('guestEnvironment()', () => {
  it('holds what was asked for, and nothing of the host', () => {
    const environment = guestEnvironment({ home: '/home/code', terminal: undefined, own: { A: 'b', TERM: 'kitty' } });
    expect(environment).toEqual({ HOME: '/home/code', IS_SANDBOX: '1', TERM: 'xterm-256color', A: 'b' });
  });
});

describe('guestCommand()', () => {
  const run = (...words: string[]) => {
    const [program = '', ...args] = guestCommand(words);
    return execFileSync(program, args, { encoding: 'utf8' });
  };

  it('leaves an argument vector alone, whatever is in it', () => {
    expect(run('printf', '%s|', 'a b', '$HOME', "'")).toBe("a b|$HOME|'|");
    expect(guestCommand(['true'])).toEqual(['true']);
  });

  it('gives a line to the shell', () => {
    expect(run('echo one two | wc -w').trim()).toBe('2');
    expect(run('printf %s "$((1 + 1))"')).toBe('2');
  });
});

describe('withEnvironment()', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/).filter((text) => !reserved.has(text));
  const value = fc.string({ unit: 'binary', maxLength: 200 }).map((text) => text.replaceAll('\0', '').toWellFormed());

  it('hands over any value, with any name, by standard input alone', () => {
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1, maxKeys: 5 }), (env) => {
        const { argv, preamble } = withEnvironment(['/usr/bin/env', '-0'], env);
        const [program = '', ...args] = argv;
        const output = execFileSync(program, args, { input: preamble, encoding: 'utf8', env: {} });
        const seen = new Map(output.split('\0').map((each) => [each.split('=')[0], each.slice(each.indexOf('=') + 1)]));
        for (const [key, text] of Object.entries(env)) expect(seen.get(key)).toBe(text);
        const long = Object.values(env).filter((text) => text.length > 8);
        expect(long.filter((text) => argv.join('\0').includes(text))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('hands over variables that its own script uses, too', () => {
    const { argv, preamble } = withEnvironment(['/usr/bin/env'], { e: '1', l: '2', m: '3' });
    const [program = '', ...args] = argv;
    const output = execFileSync(program, args, { input: preamble, encoding: 'utf8', env: {} });
    expect(output.split('\n')).toEqual(expect.arrayContaining(['e=1', 'l=2', 'm=3']));
  });

  it('leaves the rest of standard input to the command', () => {
    const { argv, preamble } = withEnvironment(['cat'], { A: 'x\ny' });
    const [program = '', ...args] = argv;
    expect(execFileSync(program, args, { input: `${preamble}rest\n`, encoding: 'utf8' })).toBe('rest\n');
  });
});
