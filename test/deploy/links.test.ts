import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'deploy/coi');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coi-links-'));
  mkdirSync(join(directory, 'bin'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const at = (name: string) => join(directory, 'bin', name);
const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, NODE_DISABLE_COMPILE_CACHE: '1' };

describe('the program by its names', () => {
  it.each([
    { name: 'claude-on-incus', argv: ['--help'], usage: 'claude-on-incus [FLAGS]\n  claude-on-incus COMMAND [FLAGS]' },
    { name: 'claude-on-incus', argv: ['run', '--help'], usage: 'claude-on-incus run COMMAND... [FLAGS]' },
    { name: 'claude-on-incus', argv: ['help', 'audit'], usage: 'claude-on-incus audit COMMAND [FLAGS]' },
    { name: 'coi', argv: ['--help'], usage: 'coi [FLAGS]\n  coi COMMAND [FLAGS]' },
    { name: 'other', argv: ['run', '--help'], usage: 'coi run COMMAND... [FLAGS]' },
  ])('called $name says so in its usage: $argv', ({ name, argv, usage }) => {
    symlinkSync(program, at(name));
    const said = execFileSync(at(name), argv, { encoding: 'utf8', env });
    expect(said).toContain(`\nUsage:\n  ${usage}\n`);
  });

  it('is called what it is called, whatever called it', () => {
    symlinkSync(program, at('coi'));
    const inside = { ...env, COI_CALLED_AS: 'claude-on-incus' };
    expect(execFileSync(at('coi'), ['--help'], { encoding: 'utf8', env: inside })).toContain('\n  coi [FLAGS]\n');
  });
});

describe('the program of a package', () => {
  it.each([
    { what: 'what was built, whatever else of it is newer', file: 'src/monitor/rules/own.toml', runs: 'built' },
    { what: 'its sources where it is a checkout and they are newer', file: 'src/main.ts', runs: 'source' },
  ])('is $what', ({ file, runs }) => {
    const place = (path: string, text: string, minutesAgo: number) => {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
      utimesSync(join(directory, path), new Date(), new Date(Date.now() - minutesAgo * 60_000));
    };
    place('deploy/coi', readFileSync(program, 'utf8'), 9);
    place('package.json', '{"type":"module"}', 9);
    place('dist/main.js', 'console.log("built")', 5);
    place(file, file.endsWith('.ts') ? 'console.log("source")' : '', 1);
    expect(execFileSync('sh', [join(directory, 'deploy/coi')], { encoding: 'utf8', env })).toBe(`${runs}\n`);
  });
});

/** Runs functions of quickstart's parts as quickstart would, with places of their own. */
function quickstart(words: string, dryRun = ''): string {
  const script = `
    set -eu
    repo=${root} state_dir=${directory}/state run_dir=${directory}/run dry_run='${dryRun}' changes=0 log=${directory}/log
    for part in report ledger program; do . "$repo/deploy/lib/$part"; done
    command_link=${at('coi')} other_command_link=${at('claude-on-incus')}
    ${words}`;
  return execFileSync('sh', ['-c', script], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
}

describe('what quickstart puts on the PATH', () => {
  it('is both names, once, and goes again', () => {
    expect(quickstart('link_command', 'yes')).toMatch(/^would link coi into .*\nwould link claude-on-incus into .*\n$/);
    expect([existsSync(at('coi')), existsSync(at('claude-on-incus'))]).toEqual([false, false]);
    expect(quickstart('link_command; link_command; echo "$changes"')).toBe('2\n');
    for (const name of ['coi', 'claude-on-incus']) expect(readlinkSync(at(name))).toBe(program);
    quickstart('ledger_undo');
    expect([existsSync(at('coi')), existsSync(at('claude-on-incus'))]).toEqual([false, false]);
  });

  it('leaves what has the other name to whoever made it', () => {
    writeFileSync(at('claude-on-incus'), 'theirs');
    expect(quickstart('link_command; echo "$changes"')).toBe('1\n');
    quickstart('ledger_undo');
    expect([existsSync(at('coi')), existsSync(at('claude-on-incus'))]).toEqual([false, true]);
  });
});
