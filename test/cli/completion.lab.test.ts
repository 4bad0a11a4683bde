import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coi } from './peer.ts';

let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'coi-completion-'));
  for (const shell of ['zsh', 'fish']) {
    writeFileSync(join(dir, shell), (await coi(['completion', shell])).stdout);
  }
});
afterAll(() => rmSync(dir, { recursive: true }));

/** What a person sees who types this and presses the tabulator, in a zsh with a terminal of its own. */
function zshShows(typed: string): string {
  const script = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'PROMPT=; autoload -U compinit; compinit -u -D; source "$1"; LISTMAX=1000; echo re''ady'
    zpty -r -m shell seen '*ready*'
    zpty -n -w shell "$2"$'\\t'
    zpty -r -m shell seen "*$3*"
    print -r -- "$seen"`;
  const argv = ['-f', '-c', script.replaceAll('$1', join(dir, 'zsh')), 'zsh', '', typed, awaited[typed] ?? ''];
  return execFileSync('zsh', argv, { encoding: 'utf8', timeout: 60_000 });
}

/** The last of what is to be seen. */
const awaited: Readonly<Record<string, string>> = { 'coi s': 'suspend', 'coi run --time': '--timeout' };

describe('the completion of a real shell', () => {
  it('offers commands with what they do, and flags, in fish', () => {
    const offers = (typed: string) =>
      execFileSync('fish', ['--no-config', '-c', `source ${join(dir, 'fish')}; complete -C "${typed}"`], {
        encoding: 'utf8',
      });
    expect(offers('coi s')).toMatch(/^shell\tStart an agent in a container/m);
    expect(offers('claude-on-incus sh')).toMatch(/^shutdown\t/m);
    expect(offers('coi run --time')).toMatch(/^--timeout\tWhen to end the command/m);
  });

  it('offers commands with what they do, and flags, in zsh', () => {
    expect(zshShows('coi s')).toMatch(/shell\s+-- Start an agent in a container/);
    expect(zshShows('coi run --time')).toContain('coi run --timeout');
  });
});
