import { describe, expect, it } from 'vitest';
import { isOfOriginal } from '../../src/cli/original.ts';
import { globalFlags, parseArgv, readArgv } from '../../src/cli/parse-argv.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { coi, openPeer } from './peer.ts';
import { status, web } from './reports.ts';

/** Every flag that is for all commands, with a value. */
const given = globalFlags.map(({ flags }) => {
  const [, long, value] = /--([\w-]+)(?: <([^>]+)>)?/.exec(flags)!;
  const values: Readonly<Record<string, string>> = { 'key=value': 'A=b', pair: '/a:/b', n: '1' };
  return value === undefined ? `--${long}` : `--${long}=${values[value] ?? value}`;
});
const words: Readonly<Record<string, readonly string[]>> = {
  run: ['--', 'true'],
  completion: ['bash'],
  'build custom': ['an-image'],
  'image publish': ['web', 'tools'],
  'image exists': ['coi'],
  'image delete': ['coi'],
  'image cleanup': ['coi-'],
};
const original = verbs.filter((verb) => isOfOriginal(verb) && verb.name !== 'help');

describe('flags for all commands', () => {
  it.each(original)('may stand before $name and behind it', async ({ name }) => {
    const own = words[name] ?? [];
    const before = await parseArgv(readArgv([...given, ...name.split(' '), ...own], verbs), verbs);
    expect(before).toMatchObject({ kind: 'call', options: { slot: 1, persistent: true, profile: 'name' } });
    expect(await parseArgv(readArgv([...name.split(' '), ...given, ...own], verbs), verbs)).toEqual(before);
  });

  it.each([
    { argv: ['-w', '.', 'list'], stdout: 'coi-web' },
    { argv: ['--persistent', 'list', '--network=open'], stdout: 'coi-web' },
    { argv: ['--image', 'x', 'attach'], stdout: 'No active sessions' },
    { argv: ['kill', 'coi-web', '--slot', '2'], stdout: 'Killed' },
    { argv: ['--limit-cpu=2', 'shutdown', 'coi-web'], stdout: 'Shut down' },
    { argv: ['persist', 'coi-web', '-e', 'A=b'], stdout: 'stays' },
    { argv: ['--profile', 'x', 'resume', 'web'], stdout: 'resumed' },
    { argv: ['--mount=/a:/b', 'clean'], stdout: 'Nothing to clean' },
    { argv: ['--slot=3', 'version'], stdout: 'coi' },
  ])('change nothing where they mean nothing: $argv', async ({ argv, stdout }) => {
    const agentless = { ...web, agent: { state: 'absent' as const } };
    await using peer = await openPeer({ status: async () => ({ ...status, sandboxes: [agentless] }) });
    expect(await coi(argv, { env: peer.env })).toMatchObject({ code: 0, stdout: expect.stringContaining(stdout) });
  });

  it('say nothing about a container that is named', async () => {
    await using peer = await openPeer();
    const { code, stderr } = await coi(['attach', 'nobody', '-w', '/elsewhere'], { env: peer.env });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('no container "nobody"') });
  });

  it('are in the help of coi', async () => {
    const { stdout } = await coi(['--help']);
    for (const { about } of globalFlags) expect(stdout).toContain(about);
  });
});
