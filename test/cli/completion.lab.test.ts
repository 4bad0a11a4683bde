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

/** What a person sees who types this and presses the tabulator, up to `last`, in a zsh with a terminal of its own. */
function zshShows(typed: string, last: string): string {
  const script = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'PROMPT=; autoload -U compinit; compinit -u -D; source ${join(dir, 'zsh')}; LISTMAX=1000; echo re''ady'
    zpty -r -m shell seen '*ready*'
    zpty -n -w shell "$1"$'\\t'
    zpty -r -m shell seen "*$2*"
    print -r -- "$seen"`;
  return execFileSync('zsh', ['-f', '-c', script, 'zsh', typed, last], { encoding: 'utf8', timeout: 60_000 });
}

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
    expect(zshShows('coi s', 'suspend')).toMatch(/shell\s+-- Start an agent in a container/);
    expect(zshShows('coi run --time', '--timeout')).toContain('coi run --timeout');
  });
});
