import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formOf, normaliseArgv, type Known } from '../../src/cli/normalise-argv.ts';

const known: Known = {
  globals: [
    { flags: '-h, --help', about: '' },
    { flags: '--format <format>', about: '' },
    { flags: '-w, --workspace <path>', about: '' },
  ],
  verbs: [
    {
      name: 'go',
      flags: [
        { flags: '-a, --all', about: '' },
        { flags: '-b, --both', about: '' },
        { flags: '-f, --file <path>', about: '' },
        { flags: '--resume [id]', about: '' },
        { flags: '--continue [id]', about: '' },
        { flags: '--no-tmux', about: '' },
      ],
    },
    { name: 'audit verify', flags: [{ flags: '--dir <dir>', about: '' }] },
  ],
};
const normalise = (...argv: string[]) => normaliseArgv(argv, known);

describe('normaliseArgv()', () => {
  it.each([
    { argv: ['go', 'x', '-f', 'a'], args: ['x', '--file=a'] },
    { argv: ['go', '-fa'], args: ['--file=a'] },
    { argv: ['go', '-f=a'], args: ['--file=a'] },
    { argv: ['go', '--file', '--all'], args: ['--file=--all'] },
    { argv: ['go', '--file='], args: ['--file='] },
    { argv: ['go', '--file'], args: ['--file'] },
    { argv: ['go', '-abf', 'x'], args: ['--all', '--both', '--file=x'] },
    { argv: ['go', '-abfx'], args: ['--all', '--both', '--file=x'] },
    { argv: ['go', '-az'], args: ['--all', '-z'] },
    { argv: ['go', '-w', 'dir', '--nope', 'x'], args: ['--workspace=dir', '--nope', 'x'] },
    { argv: ['go', '--', '--all', '-f'], args: ['--', '--all', '-f'] },
    { argv: ['go', '-'], args: ['-'] },
    { argv: ['go', 'a\nb', '--file=a\nb=c'], args: ['a\nb', '--file=a\nb=c'] },
  ])('gives flags one form: $argv', ({ argv, args }) => {
    expect(normalise(...argv)).toEqual({ verb: 'go', args });
  });

  it('takes values of --resume and --continue only with =', () => {
    expect(normalise('go', '--resume', 'x', '--continue=7')).toEqual({
      verb: 'go',
      args: ['--resume=auto', 'x', '--continue=7'],
    });
  });

  it.each([
    { argv: ['--all=true'], args: ['--all'] },
    { argv: ['--all=FALSE'], args: [] },
    { argv: ['--all', '--all=false'], args: [] },
    { argv: ['--all=false', '-a'], args: ['--all'] },
    { argv: ['-a=false'], args: [] },
    { argv: ['--tmux=false'], args: ['--no-tmux'] },
    { argv: ['--tmux=true'], args: [] },
    { argv: ['--no-tmux'], args: ['--no-tmux'] },
    { argv: ['--no-tmux=false'], args: [] },
    { argv: ['--no-tmux', '--tmux'], args: [] },
  ])('reads switches with true and false, the last one counts: $argv', ({ argv, args }) => {
    expect(normalise('go', ...argv).args).toEqual(args);
  });

  it('leaves other values of switches to be refused', () => {
    expect(normalise('go', '--all=maybe', '-a=perhaps').args).toEqual(['--all=maybe', '--all=perhaps']);
    expect(normalise('go', '--no-tmux=maybe').args).toEqual(['--no-tmux=maybe']);
  });

  it('takes global flags before the command, between its words and behind it', () => {
    const one = { verb: 'audit verify', args: ['--format=json', '--workspace=x'] };
    expect(normalise('--format', 'json', '-w', 'x', 'audit', 'verify')).toEqual(one);
    expect(normalise('--format=json', 'audit', '-wx', 'verify')).toEqual(one);
    expect(normalise('audit', 'verify', '--format', 'json', '--workspace', 'x')).toEqual(one);
  });

  it('knows no command where there is none', () => {
    expect(normalise()).toEqual({ verb: undefined, args: [] });
    expect(normalise('-h')).toEqual({ verb: undefined, args: ['--help'] });
    expect(normalise('--all', 'go')).toEqual({ verb: undefined, args: ['--all', 'go'] });
    expect(normalise('--format', 'go')).toEqual({ verb: undefined, args: ['--format=go'] });
  });

  const words = fc.constantFrom('x', 'y z', 'ü', '-', '=', 'a=b');
  const flags = fc.oneof(
    fc.constantFrom(
      ['--all'],
      ['-a'],
      ['-ab'],
      ['--both=true'],
      ['--all=false'],
      ['--resume'],
      ['--resume=1'],
      ['--no-tmux'],
    ),
    fc.tuple(fc.constantFrom('--file', '-f', '--workspace', '-w', '--format'), fc.string()),
    fc.tuple(fc.constantFrom('--unknown', '-z', '--unknown=1')),
  );
  const lines = fc.record({
    parts: fc.array(
      fc.oneof(
        flags,
        words.map((word) => [word]),
      ),
    ),
    tail: fc.option(fc.array(fc.string())),
  });
  const lineOf = ({ parts, tail }: { parts: readonly (readonly string[])[]; tail: readonly string[] | null }) => [
    ...parts.flat(),
    ...(tail ? ['--', ...tail] : []),
  ];

  it('leaves its own result as it is', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const { args } = normalise('go', ...lineOf(line));
        expect(normalise('go', ...args).args).toEqual(args);
      }),
    );
  });

  it('never changes what stands behind --, nor the order of the words', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const { args } = normalise('go', ...lineOf(line));
        const end = args.indexOf('--');
        expect(end === -1 ? null : args.slice(end + 1)).toEqual(line.tail);
        const before = end === -1 ? args : args.slice(0, end);
        const isWord = (arg: string) => !/^-./.test(arg);
        expect(before.filter(isWord)).toEqual(
          line.parts
            .filter((part) => part.length === 1)
            .flat()
            .filter(isWord),
        );
      }),
    );
  });

  it('leaves no known flag but by its long name, with its value in the same word', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const { args } = normalise('go', ...lineOf({ ...line, tail: null }));
        const names = [...known.globals, ...known.verbs[0]!.flags].map((flag) => formOf(flag));
        for (const arg of args.filter((each) => /^-./.test(each))) {
          const name = arg.split('=')[0]!;
          const form = names.find(({ long }) => name === `--${long}`);
          expect(form?.value === 'required' ? arg.includes('=') : true).toBe(true);
          expect(names.some(({ short }) => short !== undefined && arg === `-${short}`)).toBe(false);
        }
      }),
    );
  });

  it('reads global flags alike wherever they stand', () => {
    const globals = fc.array(fc.constantFrom(['--format', 'json'], ['--format=text'], ['-w', '/x'], ['-w/y']), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(globals, fc.array(words), (given, rest) => {
        expect(normalise(...given.flat(), 'go', ...rest)).toEqual(normalise('go', ...given.flat(), ...rest));
      }),
    );
  });
});
