import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verbs } from '../../src/cli/verbs.ts';
import { coi } from './peer.ts';

let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'coi-completion-'));
  writeFileSync(join(dir, 'coi.bash'), (await coi(['completion', 'bash'])).stdout);
});
afterAll(() => rmSync(dir, { recursive: true }));

/** What bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _coi; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const argv = ['-c', script, 'bash', join(dir, 'coi.bash'), 'coi', ...words];
  return execFileSync('bash', argv, { encoding: 'utf8' }).split('\n').filter(Boolean);
}

/** How each script has what can follow a command: in which lines, and each word of them whole. */
const offers: Readonly<Record<string, Readonly<Record<'verb' | 'word', (text: string, word: string) => boolean>>>> = {
  bash: {
    verb: (line, verb) => line.startsWith(`    ${verb}) `),
    word: (text, word) => / words='(.*)' ;;/.exec(text)![1]!.split(' ').includes(word),
  },
  zsh: {
    verb: (line, verb) => line.startsWith(`    ${verb}) `),
    word: (text, word) => text.includes(`'${word}:`),
  },
  fish: {
    verb: (line, verb) => line.includes(`'__fish_seen_subcommand_from ${verb}'`),
    word: (text, word) => text.includes(word.startsWith('--') ? ` -l ${word.slice(2)} -d ` : ` -a ${word} -d `),
  },
  powershell: {
    verb: (line, verb) => line.startsWith(`    '${verb}' { `),
    word: (text, word) => text.includes(`'${word}'`),
  },
};

describe('coi completion', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('for %s names every command and all of its flags', async (shell) => {
    const { code, stdout, stderr } = await coi(['completion', shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').length).toBeGreaterThan(10);
    expect(stdout).toContain('claude-on-incus');
    const lines = stdout.split('\n');
    for (const { name, flags } of verbs) {
      const [first = '', second] = name.split(' ');
      const about = lines.filter((line) => offers[shell]!.verb(line, first)).join('\n');
      const own = [...flags, { flags: '-h, --help', about: '' }].map((flag) => /--[\w-]+/.exec(flag.flags)![0]);
      const words = second === undefined ? own : [second, ...own];
      expect({ name, missing: words.filter((word) => !offers[shell]!.word(about, word)) }).toEqual({
        name,
        missing: [],
      });
    }
  });

  it('works in bash: commands, what is below them, and flags, also behind other flags', () => {
    expect(offered('sh')).toEqual(['shell', 'shutdown']);
    expect(offered('')).toHaveLength(new Set(verbs.map(({ name }) => name.split(' ')[0])).size);
    expect(offered('audit', '')).toContain('verify');
    expect(offered('shell', '--ba')).toEqual(['--background']);
    expect(offered('--slot=2', 'kill', '--f')).toEqual(['--force', '--format']);
    expect(offered('kill', 'no-such')).toEqual([]);
  });

  it('knows the shells that there are', async () => {
    const { code, stderr } = await coi(['completion', 'tcsh']);
    expect(code).toBe(1);
    expect(stderr).toContain('bash, zsh, fish, powershell');
  });
});
